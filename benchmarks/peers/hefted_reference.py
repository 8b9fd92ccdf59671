"""The reference program, as a user of Hefted writes it."""

import sys

from common import Clock, reference_data, report

from hefted import Sequential
from hefted.layers import Dense

data, labels = reference_data()
model = Sequential()
model.add(Dense(32, activation='relu', input_dim=100))
model.add(Dense(1, activation='sigmoid'))
model.compile(optimizer='rmsprop', loss='binary_crossentropy', metrics=['accuracy'])
history = model.fit(data, labels, epochs=10, batch_size=32, verbose=0)
figures = {}
if 'second' in sys.argv:
    clock = Clock()
    history = model.fit(data, labels, epochs=10, batch_size=32, verbose=0)
    figures = clock.read()
report(loss=history.history['loss'][-1], accuracy=history.history['accuracy'][-1], **figures)
