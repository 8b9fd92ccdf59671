"""What the engine needs of a distribution: where rows, weights and everything else of one training lie."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from hefted.distribution.parallel import DataParallel, Distribution, ModelParallel, distribution
from hefted.errors import ArgumentError


class Placing:
    """Where the arrays of a training lie, of one distribution.

    Args:
        how: The distribution.

    Attributes:
        whole: The sharding of what every device has.
        shares: Into how many parts a batch is split.
        devices: All of the mesh's, in its order.
        hosts: How many processes bring rows of their own; 1 where each brings all.
        part: Which of their parts of a batch is this process's.

    Raises:
        ArgumentError: This process has none of the devices. Or processes bring rows of their own, and the mesh does not
            split a batch by process.
    """

    def __init__(self, how: Distribution) -> None:
        self.how = how
        self.mesh = how.device_mesh.backend_mesh
        self.whole = NamedSharding(self.mesh, PartitionSpec())
        self.shares = how.num_model_replicas
        self.devices: list[Any] = [*self.mesh.devices.ravel()]
        _require_own(self.devices)
        self.hosts = 1 if how.auto_shard_dataset else jax.process_count()
        self.part = 0 if self.hosts == 1 else _own_part(how, self.mesh, self.hosts)

    def rows(self, count: int, axis: int = 0) -> NamedSharding:
        """The sharding of so many rows along an axis; whole, where the devices do not divide them."""
        if count % self.shares:
            return self.whole
        return NamedSharding(self.mesh, PartitionSpec(*[None] * axis, self.how.batch_dim_name))

    def of(self, variable: Any) -> NamedSharding:
        """The sharding of a variable; that of an optimizer's slot is its weight's."""
        like = getattr(variable, 'placed_like', None)
        like = variable if like is None else like
        if parts := getattr(like, 'parts', ()):  # a stack lies as each of its parts does, unsplit between them
            return NamedSharding(self.mesh, PartitionSpec(None, *self._of_all(parts)))
        return self.how.get_variable_layout(like).backend_layout

    def _of_all(self, parts: Sequence[Any]) -> PartitionSpec:
        """How each part of a stack is split; only a map of layouts can tell them apart."""
        first = self.of(parts[0]).spec
        for part in parts[1:] if isinstance(self.how, ModelParallel) else ():
            if (spec := self.of(part).spec) != first:
                raise ArgumentError(
                    f'Expected one layout for a weight of all blocks of a stack, received {tuple(first)} for '
                    f'{parts[0].path!r} and {tuple(spec)} for {part.path!r}: the blocks run as one loop. Write the '
                    "map's pattern so that it names all of them or none."
                )
        return first

    def of_groups(self, groups: Mapping[str, Sequence[Any]]) -> dict[str, list[NamedSharding]]:
        """The same of all of a state's variables."""
        self.how.see([variable for group in groups.values() for variable in group])
        return {
            name: [self._of_kept(variable) if name == 'optimizer' else self.of(variable) for variable in group]
            for name, group in groups.items()
        }

    def _of_kept(self, variable: Any) -> NamedSharding:
        """The sharding of what an optimizer keeps.

        A map of layouts speaks of weights: it is not asked about what has a weight's name and another shape, such as
        Adafactor's means.
        """
        if isinstance(self.how, ModelParallel) and getattr(variable, 'placed_like', None) is None:
            return self.whole
        return self.of(variable)

    def put_together(self, weight: Any, sharding: NamedSharding) -> Any:
        """A weight as a step uses it: whole, if each device keeps a share of it for memory's sake alone.

        Its gradient comes back in shares: summed and scattered at once, where the compiler can.
        """
        if not self.how.gathers or sharding.is_fully_replicated:
            return weight
        share = jax.lax.with_sharding_constraint(weight, sharding)  # and so does its gradient lie
        return jax.lax.with_sharding_constraint(share, self.whole)

    def everywhere(self, array: Any) -> Any:
        """A host array, all of it on every device."""
        return put(array, self.whole)

    def split(self, array: Any) -> Any:
        """A host array of rows, these split over the devices, where they divide them.

        Args:
            array: All rows, or this process's, where each brings its own.
        """
        if self.hosts == 1:
            return put(array, self.rows(array.shape[0]))
        host = np.asarray(array)
        return self._of_parts(host.shape, 0, lambda index: host[index])

    def own(self, array: Any) -> Any:
        """Of an array of rows that every device has whole: this process's, where each brings its own."""
        if self.hosts == 1:
            return array
        rows = array.shape[0] // self.hosts
        return array.addressable_data(0)[self.part * rows : (self.part + 1) * rows]

    def steps(self, shape: tuple[int, ...], part: Callable[[Any], Any]) -> Any:
        """Batches (steps, rows, …), the rows of each split over the devices; each process makes the parts of its own.

        Args:
            shape: Of all that this process has.
            part: Gives the part of an index into it, a tuple of slices.
        """
        if self.hosts == 1:
            return jax.make_array_from_callback(shape, self.rows(shape[1], axis=1), part)
        return self._of_parts(shape, 1, part)

    def _of_parts(self, shape: tuple[int, ...], axis: int, part: Callable[[Any], Any]) -> Any:
        """An array of what each process has, one after the other along an axis."""
        rows = shape[axis]
        self.require_whole(rows)
        before = self.part * rows  # rows of a batch that come before this process's

        def own(index: Any) -> Any:
            at = index[axis]
            return part((*index[:axis], slice(at.start - before, at.stop - before), *index[axis + 1 :]))

        whole = (*shape[:axis], self.hosts * rows, *shape[axis + 1 :])
        return jax.make_array_from_callback(whole, self.rows(whole[axis], axis), own)

    def require_whole(self, batch_size: int, rows: int | None = None) -> None:
        """Raise unless each process brings rows of its own that its devices divide, in whole batches.

        Args:
            batch_size: Rows a step, of this process.
            rows: How many it has in all; None where nobody knows.

        Raises:
            ArgumentError: Its devices do not divide a batch, or the last one is short.
        """
        if self.hosts == 1:
            return
        each = self.shares // self.hosts
        if batch_size % each:
            raise ArgumentError(
                f'Expected batches that the {each} parts of this process divide, with auto_shard_dataset=False, '
                f'received {batch_size} rows a step. Take {batch_size - batch_size % each or each} or '
                f'{batch_size + -batch_size % each}.'
            )
        if rows is not None and rows % batch_size:
            raise ArgumentError(
                f'Expected whole batches of each process with auto_shard_dataset=False, received {rows} rows here, '
                f'which batch_size={batch_size} does not divide. Leave out the last {rows % batch_size}.'
            )

    def block(self, array: Any, size: int) -> Any:
        """A host array (steps * rows, …) as batches of `size` rows, (steps, rows, …), split likewise."""
        batches = array.reshape(-1, size, *array.shape[1:])
        return self.steps(batches.shape, lambda at: batches[at])


def _own_part(how: Distribution, mesh: jax.sharding.Mesh, hosts: int) -> int:
    """Which part of each batch this process's devices work on; it is theirs alone, and a span of the mesh's axis."""
    axis = mesh.axis_names.index(how.batch_dim_name)
    held: dict[int, set[int]] = {rank: set() for rank in range(hosts)}
    for index, device in np.ndenumerate(mesh.devices):
        held[device.process_index].add(index[axis])
    each, left = divmod(mesh.devices.shape[axis], hosts)
    spans = [{*range(part * each, (part + 1) * each)} for part in range(hosts)]
    if left or not each or any(span not in held.values() for span in spans):
        told = '; '.join(f'{sorted(places) or "none"} for rank {rank}' for rank, places in held.items())
        raise ArgumentError(
            f'Expected the devices of each process to be a span of their own of the batch axis {how.batch_dim_name!r}, '
            f'as with auto_shard_dataset=False each brings its part of a batch, received {how.device_mesh}, of which '
            f'they hold the places {told}. Use auto_shard_dataset=True, or put the batch axis first, of a size that '
            f"the {hosts} processes divide, so that each one's devices are next to each other, as list_devices() has "
            'them.'
        )
    return spans.index(held[jax.process_index()])


def _require_own(devices: Sequence[Any]) -> None:
    """Raise where this process would have no part in what the others compute."""
    rank = jax.process_index()
    if all(device.process_index != rank for device in devices):
        raise ArgumentError(
            f'Expected a mesh with devices of all {jax.process_count()} processes, received one with none of rank '
            f'{rank}. Take some of each, or start fewer processes.'
        )


def placing_for(batch_size: int, fits: bool = True) -> Placing | None:
    """How a batch of so many rows is trained on: by the distribution that is set, else on all devices.

    Args:
        batch_size: Rows a step.
        fits: Whether the rows must be divided; else those that devices do not divide are whole on each.

    Returns:
        None where there is one device, and nobody asked for it.

    Raises:
        ArgumentError: The devices do not divide the batch.
    """
    how = distribution()
    if how is None:
        how = _by_itself(batch_size)
        if how is None:
            return None
    placing = Placing(how)
    if fits and placing.hosts == 1 and batch_size % placing.shares:
        fewer = '' if jax.process_count() > 1 else ', or fewer devices: DataParallel(devices=list_devices()[:n])'
        raise ArgumentError(
            f'Expected a batch_size that {placing.shares} devices divide, received {batch_size}. '
            f'Take {batch_size - batch_size % placing.shares or placing.shares} or '
            f'{batch_size + -batch_size % placing.shares} rows a step{fewer}.'
        )
    return placing


def _by_itself(batch_size: int) -> Distribution | None:
    """All devices where nobody said which: of one host, as many as divide the batch."""
    devices = jax.devices()
    if len(devices) == 1:
        return None
    if jax.process_count() > 1:
        return _kept(len(devices))
    count = max(n for n in range(1, len(devices) + 1) if batch_size % n == 0)
    return _kept(count) if count > 1 else None


_made: dict[int, Distribution] = {}  # the same one each time: what is compiled is kept by it


def _kept(count: int) -> Distribution:
    if count not in _made:
        _made[count] = DataParallel(devices=jax.devices()[:count])
    return _made[count]


def put(array: Any, sharding: NamedSharding) -> Any:
    """An array laid out so.

    Args:
        array: On the host or on devices: every host has all of it, or its devices a share.
        sharding: Of the result.
    """
    if isinstance(array, jax.Array) and array.sharding.is_equivalent_to(sharding, array.ndim):
        return array
    if sharding.is_fully_addressable:
        return jax.device_put(array, sharding)
    if isinstance(array, jax.Array) and not (array.is_fully_addressable or array.is_fully_replicated):
        return jax.device_put(array, sharding)  # no host has all of it: the shares change places
    host = np.asarray(array)
    return jax.make_array_from_callback(host.shape, sharding, lambda index: host[index])
