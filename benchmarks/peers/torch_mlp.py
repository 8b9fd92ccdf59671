"""The MLP 784-512-512-10 in PyTorch."""

import sys

import torch
from common import EPOCHS, Clock, mlp_data, report
from torch import nn
from torch_training import fit

x, y = mlp_data()
model = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
optimizer = torch.optim.Adam(model.parameters(), eps=1e-7)
forward = torch.compile(model) if 'compiled' in sys.argv else model
fit(forward, optimizer, x, y, 1)
clock = Clock()
loss, accuracy = fit(forward, optimizer, x, y, EPOCHS)
report(loss=loss, accuracy=accuracy, **clock.read(EPOCHS * len(x) // 128))
