"""An LSTM and a dense head, as a user of Keras writes them; KERAS_BACKEND says on what."""

import sys

from common import EPOCHS, UNITS, Clock, lstm_data, report
from keras import Sequential
from keras.layers import LSTM, Dense, Input

STEPS = 32 if 'steps32' in sys.argv else 1
x, y = lstm_data()
model = Sequential([Input(x.shape[1:]), LSTM(UNITS), Dense(10, activation='softmax')])
model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'], steps_per_execution=STEPS)
model.fit(x, y, batch_size=64, verbose=0)
clock = Clock()
history = model.fit(x, y, batch_size=64, epochs=EPOCHS, verbose=0)
figures = clock.read(EPOCHS * len(x) // 64)
report(loss=history.history['loss'][-1], accuracy=history.history['accuracy'][-1], **figures)
