"""The MLP 784-512-512-10 in PyTorch, in a plain loop over a Python generator."""

from itertools import islice

import torch
from common import EPOCHS, Clock, mlp_batches, mlp_data, report
from torch import nn

x, y = mlp_data()
batches, steps = mlp_batches(x, y), len(x) // 128
model = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
optimizer = torch.optim.Adam(model.parameters(), eps=1e-7)
loss_of = nn.CrossEntropyLoss()


def fit(epochs):
    """Train; the last epoch's mean loss and accuracy."""
    for _ in range(epochs):
        loss_sum = accuracy_sum = 0.0
        for batch in islice(batches, steps):
            inputs, labels = torch.from_numpy(batch[0]), torch.from_numpy(batch[1]).long()
            optimizer.zero_grad()
            scores = model(inputs)
            loss = loss_of(scores, labels)
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                loss_sum += loss
                accuracy_sum += (scores.argmax(1) == labels).float().mean()
    return float(loss_sum) / steps, float(accuracy_sum) / steps


fit(1)
clock = Clock()
loss, accuracy = fit(EPOCHS)
report(loss=loss, accuracy=accuracy, **clock.read(EPOCHS * steps))
