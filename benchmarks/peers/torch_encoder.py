"""Two blocks of BERT's encoder as it trains, with dropout, in PyTorch's own layer."""

import sys

import torch
from common import BLOCKS, EPOCHS, HEADS, HIDDEN, WIDTH, Clock, report, transformer_data
from torch import nn
from torch_training import fit

x, y = transformer_data()
model = nn.Sequential(
    *(
        nn.TransformerEncoderLayer(
            WIDTH, HEADS, HIDDEN, dropout=0.1, activation='gelu', layer_norm_eps=1e-12, batch_first=True
        )
        for _ in range(BLOCKS)
    ),
    nn.Linear(WIDTH, 10),
)
optimizer = torch.optim.Adam(model.parameters(), eps=1e-7)
forward = torch.compile(model) if 'compiled' in sys.argv else model
fit(forward, optimizer, x, y, 1, batch_size=8)
clock = Clock()
loss, accuracy = fit(forward, optimizer, x, y, EPOCHS, batch_size=8)
report(loss=loss, accuracy=accuracy, **clock.read(EPOCHS * len(x) // 8))
