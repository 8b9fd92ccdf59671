"""Twenty small models of different widths in one process, as a user of Keras searches for a good one."""

from common import Clock, reference_data, report
from keras import Sequential
from keras.layers import Dense, Input

data, labels = reference_data()
clock = Clock()
for width in range(8, 48, 2):
    model = Sequential([Input((100,)), Dense(width, activation='relu'), Dense(1, activation='sigmoid')])
    model.compile(optimizer='rmsprop', loss='binary_crossentropy', metrics=['accuracy'])
    history = model.fit(data, labels, epochs=10, batch_size=32, verbose=0)
report(loss=history.history['loss'][-1], **clock.read())
