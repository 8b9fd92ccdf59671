"""The MLP 784-512-512-10, as a user of Keras writes it; KERAS_BACKEND says on what."""

import sys

from common import EPOCHS, Clock, mlp_data, report
from keras import Sequential
from keras.layers import Dense, Input

STEPS = 32 if 'steps32' in sys.argv else 1
x, y = mlp_data()
model = Sequential(
    [
        Input((784,)),
        Dense(512, activation='relu'),
        Dense(512, activation='relu'),
        Dense(10, activation='softmax'),
    ]
)
model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'], steps_per_execution=STEPS)
model.fit(x, y, batch_size=128, verbose=0)
clock = Clock()
history = model.fit(x, y, batch_size=128, epochs=EPOCHS, verbose=0)
figures = clock.read(EPOCHS * len(x) // 128)
report(loss=history.history['loss'][-1], accuracy=history.history['accuracy'][-1], **figures)
