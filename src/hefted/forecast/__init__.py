"""What a training is going to take, before its first step: plan + machine + place -> footprint and duration.

Nothing here imports JAX: what a compiled program and a pilot tell comes in as a `Plan` and as plain numbers.
"""
