"""The reference program in PyTorch: indexing by a permutation, which is quicker than a DataLoader."""

import sys

import torch
from common import Clock, reference_data, report
from torch import nn

data, labels = map(torch.from_numpy, reference_data())
model = nn.Sequential(nn.Linear(100, 32), nn.ReLU(), nn.Linear(32, 1))
loss_of = nn.BCEWithLogitsLoss()
# Keras's rho is torch's alpha.
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.001, alpha=0.9, eps=1e-7)
forward = torch.compile(model) if 'compiled' in sys.argv else model


def fit():
    for _ in range(10):
        loss_sum = accuracy_sum = 0.0
        order = torch.randperm(len(data))
        for batch in order.split(32):
            x, y = data[batch], labels[batch]
            optimizer.zero_grad()
            logit = forward(x)
            loss = loss_of(logit, y)
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                loss_sum += loss * len(x)
                accuracy_sum += ((logit > 0) == (y > 0.5)).sum()
        result = float(loss_sum) / len(data), float(accuracy_sum) / len(data)
    return result


loss, accuracy = fit()
figures = {}
if 'second' in sys.argv:
    clock = Clock()
    loss, accuracy = fit()
    figures = clock.read()
report(loss=loss, accuracy=accuracy, **figures)
