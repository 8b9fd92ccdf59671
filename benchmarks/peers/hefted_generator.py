"""The MLP 784-512-512-10 fed by a Python generator, as a user of Hefted writes it."""

from common import EPOCHS, Clock, mlp_batches, mlp_data, report

from hefted import Sequential
from hefted.layers import Dense, Input

x, y = mlp_data()
steps = len(x) // 128
model = Sequential(
    [
        Input((784,)),
        Dense(512, activation='relu'),
        Dense(512, activation='relu'),
        Dense(10, activation='softmax'),
    ]
)
model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'])
batches = mlp_batches(x, y)
model.fit(batches, steps_per_epoch=steps, verbose=0)
clock = Clock()
history = model.fit(batches, steps_per_epoch=steps, epochs=EPOCHS, verbose=0)
figures = clock.read(EPOCHS * steps)
report(loss=history.history['loss'][-1], accuracy=history.history['accuracy'][-1], **figures)
