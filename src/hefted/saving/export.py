"""A model's forward pass as one file that JAX alone can run: StableHLO, the weights in it, batches of any size."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hefted import dtypes, tree
from hefted.distribution import files
from hefted.errors import ArchiveError, ArgumentError, NotBuiltError
from hefted.layers.calling import call_in_step
from hefted.saving.weights import write_aside
from hefted.symbolic import KerasTensor

_OF_KERAS = ('tf_saved_model', 'onnx', 'openvino', 'litert', 'torch')
_PLATFORMS = ('cpu', 'cuda', 'tpu')
_MOST_BYTES = 1 << 30  # a flatbuffer's offsets end at 2 GiB; what is not weights has room too
_CALLS_PYTHON = re.compile(rb'xla\w*python\w*callback')  # targets that hold the address of a Python function


def export_model(
    model: Any,
    filepath: str | Path,
    format: str = 'stablehlo',
    verbose: Any = None,  # noqa: ARG001 - taken for Keras's sake
    input_signature: Any = None,
    platforms: Sequence[str] = _PLATFORMS,
) -> None:
    """Write a model's forward pass (`training=False`) to a file for `load_exported`, or for `jax.export.deserialize`.

    Args:
        model: Built.
        filepath: Where; a file that is there is replaced.
        format: 'stablehlo'.
        verbose: Taken for Keras's sake; nothing is printed.
        input_signature: The inputs' shapes and dtypes (what has `shape` and `dtype`; None is any size), nested as the
            model takes them. From the model if None.
        platforms: Where the file will run: of 'cpu', 'cuda', 'rocm', 'tpu'.

    Raises:
        ArgumentError: Another format, a model whose inputs are not known, or looked up, or weights of more than a GiB.
        NotBuiltError: The model has no weights yet.
        ImportError: The package `flatbuffers` is missing.
    """
    if format != 'stablehlo':
        keras = ' Save the model as .keras and export it with Keras.' if format in _OF_KERAS else ''
        raise ArgumentError(f"Expected format='stablehlo', received {format!r}.{keras}")
    if not model.built:
        raise NotBuiltError('The model has no weights to export yet. Build it, or call it on data, first.')
    if getattr(getattr(model, '_graph', None), 'host', None) is not None:
        raise ArgumentError(
            'Expected a model of numbers alone: what looks words up runs on the host, and no such file holds it. '
            'Export the part of the model that comes after it.'
        )
    size = sum(v.value.nbytes for v in model.weights)
    if size > _MOST_BYTES:
        raise ArgumentError(
            f'Expected at most {_MOST_BYTES} bytes of weights, which go into the file, received {size}.'
        )
    _require_flatbuffers()
    import jax.export

    specs = _specs(_signature(model) if input_signature is None else input_signature)

    def forward(inputs: Any) -> Any:
        return call_in_step(model, inputs, training=False)

    exported = jax.export.export(jax.jit(forward), platforms=list(platforms))(specs)
    write_aside(Path(filepath), bytes(exported.serialize()), overwrite=True)


def load_exported(filepath: str | Path) -> Callable[[Any], Any]:
    """The function in a file that `export` wrote: inputs to outputs, compiled once for each shape.

    Raises:
        ArchiveError: The file is damaged, or calls Python.
        ImportError: The package `flatbuffers` is missing.
    """
    _require_flatbuffers()
    import jax.export

    files.settled(Path(filepath))
    blob = Path(filepath).read_bytes()
    try:
        exported = jax.export.deserialize(bytearray(blob))
        calls_python = _CALLS_PYTHON.search(exported.mlir_module_serialized)
    except Exception as error:
        raise ArchiveError(f'{str(filepath)!r} is not an exported model that can be read: {error!r}.') from error
    if calls_python:
        raise ArchiveError(f'{str(filepath)!r} calls Python by an address in memory: refused.')
    return jax.jit(exported.call)


def _require_flatbuffers() -> None:
    try:
        import flatbuffers  # noqa: F401  # pyright: ignore
    except ImportError as error:
        raise ImportError("Exporting needs the package flatbuffers: pip install 'hefted[export]'.") from error


def _signature(model: Any) -> Any:
    """The symbolic inputs of a functional or sequential model, or the shape that another was built for."""
    graph = getattr(model, 'graph', None)
    if graph is not None:
        return graph.inputs
    shape = getattr(model, '_build_shape', None)
    if shape is None:
        raise ArgumentError(
            'Expected input_signature for a model that was not made of Inputs: its shapes and dtypes are not known. '
            "Give for example input_signature=hefted.Input((3,), dtype='float32')."
        )
    return KerasTensor((None, *shape[1:]), model.variable_dtype)


def _specs(signature: Any) -> Any:
    """Shapes with symbols in the place of None: one for all batches, one for each other axis."""
    import jax.export

    scope = jax.export.SymbolicScope()
    count = 0

    def spec(told: Any) -> Any:
        nonlocal count
        names: list[str] = []
        for axis, size in enumerate(told.shape):
            count += axis > 0
            names.append(str(size) if size is not None else f'n{count}' if axis else 'batch')
        shape = jax.export.symbolic_shape(', '.join(names), scope=scope)
        return jax.ShapeDtypeStruct(shape, dtypes.standardize(told.dtype))

    return tree.map_structure(spec, signature)
