"""A large embedding with a small dense head, in PyTorch."""

import sys

import torch
from common import DEPTH, EPOCHS, TOKENS, VOCABULARY, Clock, embedding_data, report
from torch import nn

x, y = embedding_data()
model = nn.Sequential(
    nn.Embedding(VOCABULARY, DEPTH), nn.Flatten(), nn.Linear(TOKENS * DEPTH, 32), nn.ReLU(), nn.Linear(32, 1)
)
optimizer = torch.optim.Adam(model.parameters(), eps=1e-7)
forward = torch.compile(model) if 'compiled' in sys.argv else model
loss_of = nn.BCEWithLogitsLoss()
x, y = torch.from_numpy(x), torch.from_numpy(y)[:, None]


def fit(epochs):
    for _ in range(epochs):
        loss_sum = accuracy_sum = 0.0
        batches = torch.randperm(len(x)).split(1024)
        for batch in batches:
            inputs, labels = x[batch], y[batch]
            optimizer.zero_grad()
            scores = forward(inputs)
            loss = loss_of(scores, labels)
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                loss_sum += loss
                accuracy_sum += ((scores > 0) == labels).float().mean()
        result = float(loss_sum) / len(batches), float(accuracy_sum) / len(batches)
    return result


fit(1)
clock = Clock()
loss, accuracy = fit(EPOCHS)
report(loss=loss, accuracy=accuracy, **clock.read(EPOCHS * len(x) // 1024))
