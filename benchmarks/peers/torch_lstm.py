"""An LSTM and a dense head in PyTorch."""

import sys

import torch
from common import EPOCHS, UNITS, Clock, lstm_data, report
from torch import nn
from torch_training import fit


class Classifier(nn.Module):
    """The last output of the LSTM goes into the head."""

    def __init__(self, features):
        super().__init__()
        self.lstm = nn.LSTM(features, UNITS, batch_first=True)
        self.head = nn.Linear(UNITS, 10)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


x, y = lstm_data()
model = Classifier(x.shape[-1])
optimizer = torch.optim.Adam(model.parameters(), eps=1e-7)
forward = torch.compile(model) if 'compiled' in sys.argv else model
fit(forward, optimizer, x, y, 1, batch_size=64)
clock = Clock()
loss, accuracy = fit(forward, optimizer, x, y, EPOCHS, batch_size=64)
report(loss=loss, accuracy=accuracy, **clock.read(EPOCHS * len(x) // 64))
