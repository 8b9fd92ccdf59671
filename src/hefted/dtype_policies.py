"""Dtype policies: what weights are kept in, and what layers compute in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from hefted import dtypes
from hefted.errors import ArgumentError, UnknownNameError
from hefted.utils.serialization import deserialize_keras_object, register_builtin, serialize_keras_object

_MIXED = {'mixed_float16': 'float16', 'mixed_bfloat16': 'bfloat16'}
_QUANTIZATION_MODES = ('int8', 'float8', 'int4', 'gptq', 'awq')
_default: DTypePolicy | None = None


class DTypePolicy:
    """A pair of dtypes by one name.

    Args:
        name: A dtype, or 'mixed_float16' or 'mixed_bfloat16' (compute in 16 bits, keep weights in float32); None is
            `hefted.config.dtype_policy()`.

    Raises:
        TypeError: The name is not a string.
        UnknownNameError: It is none of those.

    Example:
        >>> policy = DTypePolicy('mixed_bfloat16')
        >>> policy.compute_dtype, policy.variable_dtype
        ('bfloat16', 'float32')
    """

    def __init__(self, name: str | None = None) -> None:
        if name is None:
            name = dtype_policy().name
        if not isinstance(name, str):
            raise TypeError(f'Expected name to be a string such as "mixed_float16", received {name!r}.')
        self._name = name
        if name in _MIXED:
            self._dtypes = _MIXED[name], 'float32'
        else:
            try:
                self._dtypes = (dtypes.standardize(name),) * 2
            except UnknownNameError as error:
                raise UnknownNameError(f'{error} Or say {" or ".join(map(repr, _MIXED))}.') from None

    @property
    def name(self) -> str:
        return self._name

    @property
    def compute_dtype(self) -> str:
        """What layers compute in and return."""
        return self._dtypes[0]

    @property
    def variable_dtype(self) -> str:
        """What weights are kept in."""
        return self._dtypes[1]

    @property
    def quantization_mode(self) -> str | None:
        """None: layers are not quantised here."""
        return None

    def convert_input(self, x: Any, autocast: bool, dtype: Any) -> Any:
        """What a layer computes with: an array's floats in `dtype` if `autocast`; whole numbers as they are.

        Args:
            x: An array or a symbolic tensor; anything else comes back as it is.
            autocast: Whether floats are cast.
            dtype: To what.
        """
        if not hasattr(x, 'dtype') and not hasattr(x, '__array__'):
            return x
        from hefted import ops
        from hefted.symbolic import KerasTensor

        dtype = dtypes.standardize(dtype)
        x = x if isinstance(x, KerasTensor) else ops.convert_to_tensor(x)
        found = dtypes.standardize(x.dtype)
        return ops.cast(x, dtype) if autocast and dtypes.is_float(found) and found != dtype else x

    def get_config(self) -> dict[str, Any]:
        return {'name': self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**config)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'

    def __eq__(self, other: object) -> bool:
        return _is_plain(self) and _is_plain(other) and other.name == self.name  # pyright: ignore[reportAttributeAccessIssue]

    def __hash__(self) -> int:
        return hash(self.name)


class FloatDTypePolicy(DTypePolicy):
    """`DTypePolicy` by its older name."""


def _is_plain(policy: object) -> bool:
    return type(policy) in (DTypePolicy, FloatDTypePolicy)


class DTypePolicyMap(DTypePolicy, MutableMapping[str, DTypePolicy]):
    """A policy for each layer, by the layer's path.

    Args:
        default_policy: For paths that no key fits; None is `hefted.config.dtype_policy()`.
        policy_map: Path, or regular expression for whole paths, to policy.

    Raises:
        ArgumentError: `default_policy` is itself a map.
        TypeError: `policy_map` is not a dict.

    Example:
        >>> policies = DTypePolicyMap('float32', {'encoder/.*': DTypePolicy('bfloat16')})
        >>> policies['encoder/dense'].name, policies['head'].name
        ('bfloat16', 'float32')
    """

    def __init__(self, default_policy: Any = None, policy_map: dict[str, Any] | None = None) -> None:
        if isinstance(default_policy, DTypePolicyMap):
            raise ArgumentError('Expected default_policy to be one policy, received a DTypePolicyMap.')
        if policy_map is not None and not isinstance(policy_map, dict):
            raise TypeError(f'Expected policy_map to be a dict, received {policy_map!r}.')
        self._given = default_policy
        self.default_policy: DTypePolicy = get(default_policy)
        self._map: dict[str, DTypePolicy] = policy_map or {}

    @property
    def name(self) -> str:
        return f'map_{self.default_policy.name}'

    @property
    def compute_dtype(self) -> str:
        return self.default_policy.compute_dtype

    @property
    def variable_dtype(self) -> str:
        return self.default_policy.variable_dtype

    def __getitem__(self, key: str) -> DTypePolicy:
        if key in self._map:
            return self._map[key]
        found = [pattern for pattern in self._map if re.fullmatch(pattern, key)]
        if len(found) > 1:
            raise ArgumentError(f'Expected one key of the DTypePolicyMap to fit path {key!r}, found {found}.')
        return self._map[found[0]] if found else self.default_policy

    def __setitem__(self, key: str, policy: Any) -> None:
        if key in self._map:
            raise ArgumentError(
                f'Expected a new key for the DTypePolicyMap, received {key!r}. Delete the old one first.'
            )
        self._map[key] = get(policy)

    def __delitem__(self, key: str) -> None:
        del self._map[key]

    def __contains__(self, key: object) -> bool:
        return key in self._map

    def __iter__(self) -> Iterator[str]:
        return iter(self._map)

    def __len__(self) -> int:
        return len(self._map)

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicyMap) and other._map == self._map and other.name == self.name

    def get_config(self) -> dict[str, Any]:
        policies = serialize_keras_object(self._map)
        if self._given is None:  # as in Keras: what is loaded then takes the policy that is set there
            for policy in policies.values():
                policy['config']['name'] = None
        return {'default_policy': self._given, 'policy_map': policies}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> DTypePolicyMap:
        taken = {key: deserialize_keras_object(value, custom_objects) for key, value in config.items()}
        return cls(**taken)

    def __repr__(self) -> str:
        policies = {path: policy.name for path, policy in self._map.items()}
        return f'<DTypePolicyMap default_policy={self.default_policy.name!r}, mapping={policies}>'


class QuantizedDTypePolicy(DTypePolicy):
    """Refused: quantised layers are not ours yet. A layer of Keras's own runs inside a model of ours."""

    def __init__(self, mode: str, source_name: str | None = None, **_: Any) -> None:
        raise ArgumentError(
            f'Expected a policy that is not quantised, received {mode!r} from {source_name!r}. Use "bfloat16" or '
            '"mixed_bfloat16", or load the model with keras and train it with hefted.fit.'
        )


class QuantizedFloat8DTypePolicy(QuantizedDTypePolicy):
    """Refused, as `QuantizedDTypePolicy`."""


class Int4DTypePolicy(QuantizedDTypePolicy):
    """Refused, as `QuantizedDTypePolicy`."""


class GPTQDTypePolicy(QuantizedDTypePolicy):
    """Refused, as `QuantizedDTypePolicy`."""


class AWQDTypePolicy(QuantizedDTypePolicy):
    """Refused, as `QuantizedDTypePolicy`."""


for _policy in (DTypePolicy, FloatDTypePolicy):
    register_builtin(_policy, 'keras')
for _policy in (
    DTypePolicyMap, QuantizedDTypePolicy, QuantizedFloat8DTypePolicy, Int4DTypePolicy, GPTQDTypePolicy, AWQDTypePolicy
):  # fmt: skip
    register_builtin(_policy, 'keras.dtype_policies')


def dtype_policy() -> DTypePolicy:
    """The policy of layers that are given none: `floatx()` unless set."""
    return _default or DTypePolicy(dtypes.floatx())


def set_dtype_policy(policy: Any) -> None:
    """Set the policy of layers that are given none.

    Args:
        policy: A policy, or its name.

    Raises:
        ArgumentError: Neither.
    """
    global _default
    _default = get(policy) if isinstance(policy, (str, DTypePolicy)) else _refuse(policy)


def reset_dtype_policy() -> None:
    """Forget what `set_dtype_policy` set."""
    global _default
    _default = None


def get(identifier: Any) -> Any:
    """The policy that a name, a config, a dtype, a policy or None (`dtype_policy()`) stands for.

    Raises:
        ArgumentError: None of these.

    Example:
        >>> get('mixed_float16'), get(np.dtype('float32'))
        (<DTypePolicy "mixed_float16">, <DTypePolicy "float32">)
    """
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str):
        if identifier.startswith(_QUANTIZATION_MODES) and '_from_' in identifier:
            return QuantizedDTypePolicy(*identifier.split('_from_', 1))
        return DTypePolicy(identifier)
    try:
        return DTypePolicy(dtypes.standardize(identifier))
    except UnknownNameError:
        return _refuse(identifier)


def serialize(dtype_policy: DTypePolicy) -> Any:
    """The config of a policy."""
    return serialize_keras_object(dtype_policy)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The policy of a config."""
    if isinstance(config, dict) and 'module' not in config:  # older files name the class alone
        map_or_older = config.get('class_name') not in ('DTypePolicy', 'FloatDTypePolicy')
        config = {**config, 'module': 'keras.dtype_policies' if map_or_older else 'keras'}
    return deserialize_keras_object(config, custom_objects)


def _refuse(identifier: Any) -> Any:
    raise ArgumentError(f'Expected a dtype, a policy or its name, received {identifier!r}.')
