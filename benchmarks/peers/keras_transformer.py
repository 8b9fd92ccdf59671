"""Two transformer encoder blocks, as a user of Keras writes them; KERAS_BACKEND says on what."""

import sys

from common import BLOCKS, EPOCHS, HEADS, HIDDEN, WIDTH, Clock, report, transformer_data
from keras import Model
from keras.layers import Dense, Input, LayerNormalization, MultiHeadAttention

STEPS = 32 if 'steps32' in sys.argv else 1
x, y = transformer_data()
inputs = flow = Input(x.shape[1:])
for _ in range(BLOCKS):
    flow = LayerNormalization()(flow + MultiHeadAttention(HEADS, WIDTH // HEADS)(flow, flow))
    flow = LayerNormalization()(flow + Dense(WIDTH)(Dense(HIDDEN, activation='gelu')(flow)))
model = Model(inputs, Dense(10, activation='softmax')(flow))
model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'], steps_per_execution=STEPS)
model.fit(x, y, batch_size=8, verbose=0)
clock = Clock()
history = model.fit(x, y, batch_size=8, epochs=EPOCHS, verbose=0)
figures = clock.read(EPOCHS * len(x) // 8)
report(loss=history.history['loss'][-1], accuracy=history.history['accuracy'][-1], **figures)
