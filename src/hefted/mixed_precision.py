"""`keras.mixed_precision`'s names: dtype policies, and the optimizer that scales losses."""

from hefted.dtype_policies import DTypePolicy, dtype_policy, set_dtype_policy
from hefted.optimizers import LossScaleOptimizer

Policy = DTypePolicy
global_policy = dtype_policy
set_global_policy = set_dtype_policy

__all__ = [
    'DTypePolicy', 'LossScaleOptimizer', 'Policy', 'dtype_policy', 'global_policy', 'set_dtype_policy',
    'set_global_policy',
]  # fmt: skip
