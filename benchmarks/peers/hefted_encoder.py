"""Two blocks of BERT's encoder as it trains, with dropout, in Hefted."""

from common import BLOCKS, EPOCHS, HEADS, HIDDEN, Clock, report, transformer_data

from hefted import Model
from hefted.layers import Dense, Input
from hefted.models.bert import TransformerEncoder

x, y = transformer_data()
inputs = flow = Input(x.shape[1:])
for _ in range(BLOCKS):
    flow = TransformerEncoder(HIDDEN, HEADS, dropout=0.1, activation='gelu', layer_norm_epsilon=1e-12)(flow)
model = Model(inputs, Dense(10, activation='softmax')(flow))
model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'])
model.fit(x, y, batch_size=8, verbose=0)
clock = Clock()
history = model.fit(x, y, batch_size=8, epochs=EPOCHS, verbose=0)
figures = clock.read(EPOCHS * len(x) // 8)
report(loss=history.history['loss'][-1], accuracy=history.history['accuracy'][-1], **figures)
