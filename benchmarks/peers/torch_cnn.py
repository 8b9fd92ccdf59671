"""The small CNN in PyTorch, in its own layout (channels first)."""

import sys

import numpy as np
import torch
from common import EPOCHS, Clock, cnn_data, report
from torch import nn
from torch_training import fit

x, y = cnn_data()
x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
model = nn.Sequential(
    nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(1600, 10),
)  # fmt: skip
optimizer = torch.optim.Adam(model.parameters(), eps=1e-7)
forward = torch.compile(model) if 'compiled' in sys.argv else model
fit(forward, optimizer, x, y, 1)
clock = Clock()
loss, accuracy = fit(forward, optimizer, x, y, EPOCHS)
report(loss=loss, accuracy=accuracy, **clock.read(EPOCHS * len(x) // 128))
