"""The small CNN as a Keras model, through Hefted's engine."""

from common import EPOCHS, Clock, cnn_data, report
from keras import Sequential
from keras.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D

import hefted

x, y = cnn_data()
model = Sequential(
    [
        Input((28, 28, 1)),
        Conv2D(32, 3, activation='relu'),
        MaxPooling2D(2),
        Conv2D(64, 3, activation='relu'),
        MaxPooling2D(2),
        Flatten(),
        Dense(10, activation='softmax'),
    ]
)
model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'])
hefted.fit(model, x, y, batch_size=128, verbose=0)
clock = Clock()
history = hefted.fit(model, x, y, batch_size=128, epochs=EPOCHS, verbose=0)
figures = clock.read(EPOCHS * len(x) // 128)
report(loss=history.history['loss'][-1], accuracy=history.history['accuracy'][-1], **figures)
