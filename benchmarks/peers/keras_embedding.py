"""A large embedding with a small dense head, as a user of Keras writes it; KERAS_BACKEND says on what."""

import sys

from common import DEPTH, EPOCHS, TOKENS, VOCABULARY, Clock, embedding_data, report
from keras import Sequential
from keras.layers import Dense, Embedding, Flatten, Input

STEPS = 32 if 'steps32' in sys.argv else 1
x, y = embedding_data()
model = Sequential(
    [
        Input((TOKENS,), dtype='int32'),
        Embedding(VOCABULARY, DEPTH),
        Flatten(),
        Dense(32, activation='relu'),
        Dense(1, activation='sigmoid'),
    ]
)
model.compile(optimizer='adam', loss='binary_crossentropy', metrics=['accuracy'], steps_per_execution=STEPS)
model.fit(x, y, batch_size=1024, verbose=0)
clock = Clock()
history = model.fit(x, y, batch_size=1024, epochs=EPOCHS, verbose=0)
figures = clock.read(EPOCHS * len(x) // 1024)
report(loss=history.history['loss'][-1], accuracy=history.history['accuracy'][-1], **figures)
