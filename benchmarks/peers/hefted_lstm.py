"""An LSTM and a dense head, as a user of Hefted writes them."""

from common import EPOCHS, UNITS, Clock, lstm_data, report

from hefted import Sequential
from hefted.layers import LSTM, Dense, Input

x, y = lstm_data()
model = Sequential([Input(x.shape[1:]), LSTM(UNITS), Dense(10, activation='softmax')])
model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'])
model.fit(x, y, batch_size=64, verbose=0)
clock = Clock()
history = model.fit(x, y, batch_size=64, epochs=EPOCHS, verbose=0)
figures = clock.read(EPOCHS * len(x) // 64)
report(loss=history.history['loss'][-1], accuracy=history.history['accuracy'][-1], **figures)
