"""Fifty narrow dense layers, to the end of the first step, as a user of Hefted writes them."""

import numpy as np
from common import Clock, report

from hefted import Sequential
from hefted.layers import Dense, Input

x, y = np.random.default_rng(0).random((32, 16), np.float32), np.zeros((32, 1), np.float32)
clock = Clock()
model = Sequential([Input((16,)), *[Dense(16, activation='relu') for _ in range(50)], Dense(1)])
model.compile(optimizer='adam', loss='mse')
model.fit(x, y, batch_size=32, verbose=0)
report(**clock.read())
