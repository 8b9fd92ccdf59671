"""The reference program as a Keras model, its second fit through Hefted's engine."""

from common import Clock, reference_data, report
from keras import Sequential
from keras.layers import Dense, Input

import hefted

data, labels = reference_data()
model = Sequential([Input((100,)), Dense(32, activation='relu'), Dense(1, activation='sigmoid')])
model.compile(optimizer='rmsprop', loss='binary_crossentropy', metrics=['accuracy'])
hefted.fit(model, data, labels, epochs=10, batch_size=32, verbose=0)
clock = Clock()
history = hefted.fit(model, data, labels, epochs=10, batch_size=32, verbose=0)
report(loss=history.history['loss'][-1], accuracy=history.history['accuracy'][-1], **clock.read())
