"""Data: arrays, frames, loaders and generators to stretches of steps."""
