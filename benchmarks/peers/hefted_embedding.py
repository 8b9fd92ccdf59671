"""A large embedding with a small dense head, as a user of Hefted writes it."""

from common import DEPTH, EPOCHS, TOKENS, VOCABULARY, Clock, embedding_data, report

from hefted import Sequential
from hefted.layers import Dense, Embedding, Flatten, Input

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
model.compile(optimizer='adam', loss='binary_crossentropy', metrics=['accuracy'])
model.fit(x, y, batch_size=1024, verbose=0)
clock = Clock()
history = model.fit(x, y, batch_size=1024, epochs=EPOCHS, verbose=0)
figures = clock.read(EPOCHS * len(x) // 1024)
report(loss=history.history['loss'][-1], accuracy=history.history['accuracy'][-1], **figures)
