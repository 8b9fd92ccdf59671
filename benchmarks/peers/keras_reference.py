"""The reference program, as a user of Keras writes it; KERAS_BACKEND says on what."""

import sys

from common import Clock, reference_data, report
from keras import Sequential
from keras.layers import Dense, Input

data, labels = reference_data()
model = Sequential()
model.add(Input((100,)))
model.add(Dense(32, activation='relu'))
model.add(Dense(1, activation='sigmoid'))
model.compile(
    optimizer='rmsprop',
    loss='binary_crossentropy',
    metrics=['accuracy'],
    steps_per_execution=32 if 'steps32' in sys.argv else 1,
)
history = model.fit(data, labels, epochs=10, batch_size=32, verbose=0)
figures = {}
if 'second' in sys.argv:
    clock = Clock()
    history = model.fit(data, labels, epochs=10, batch_size=32, verbose=0)
    figures = clock.read()
report(loss=history.history['loss'][-1], accuracy=history.history['accuracy'][-1], **figures)
