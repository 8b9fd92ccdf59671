"""Callbacks: hooks into a training, by Keras's names."""

from hefted.callbacks.callback import Callback, CallbackList
from hefted.callbacks.history import History
from hefted.callbacks.monitor import EarlyStopping, ModelCheckpoint, TerminateOnNaN
from hefted.callbacks.simple import LambdaCallback, LearningRateScheduler

__all__ = [
    'Callback',
    'CallbackList',
    'EarlyStopping',
    'History',
    'LambdaCallback',
    'LearningRateScheduler',
    'ModelCheckpoint',
    'TerminateOnNaN',
]
