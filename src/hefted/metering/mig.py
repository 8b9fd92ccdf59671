"""A slice of an NVIDIA board (MIG): its share of the board's energy, which is all that can be read.

No counter tells a slice's own energy. It is given the board's, times its compute slices over the board's:

    energy = board's energy x slices / most slices        2 of 7 for a 2g.20gb on an H100

That is a model: alone on a busy board a slice draws nearly all of it, and idle beside busy ones next to nothing. So
its interval reaches from a fifth of the share (an idle board draws 10 to 20 % of its full power) to the whole board.
"""

from __future__ import annotations

from typing import Any

from hefted.metering.reading import Component
from hefted.metering.sensor import Instant, Sensor, SensorError
from hefted.quantities import Error, Quantity, Source

SHARE = Source(
    'MIG share',
    "Assumed: a slice's part of its board lies between a fifth of its share of the compute slices and the whole board",
    None,
    'https://docs.nvidia.com/datacenter/tesla/mig-user-guide/',
    'fact',
)
_IDLE_PART = 0.2


class Slice:
    """A slice's share of its board's energy.

    Args:
        board: The sensor of the whole board.
        name: Such as 'nvml:MIG-…'.
        share: Of the board's compute slices, in (0, 1].

    Example:
        >>> from hefted.metering.sensor import measured
        >>> class Board:
        ...     name, component, counts_always, device = 'board', 'gpu', True, 'NVIDIA H100'
        ...     accuracy = measured(Source('NVML energy', ''), 0.05)
        ...     def read(self, instant): return 700.0
        >>> part = Slice(Board(), 'slice', 2 / 7)
        >>> round(part.read(Instant(0.0))), part.device, part.accuracy.basis
        (200, 'NVIDIA H100', 'modelled')

    Attributes:
        device: What the board is called.
        share: As given.
    """

    __slots__ = ('_board', 'accuracy', 'counts_always', 'device', 'name', 'share')
    component: Component = 'gpu'

    def __init__(self, board: Sensor, name: str, share: float):
        self.name = name
        self.counts_always = board.counts_always
        self.device: str = getattr(board, 'device', '')
        self.share = share
        self.accuracy = board.accuracy * Quantity(
            1.0, '1', 'modelled', (Error(SHARE.key, _IDLE_PART - 1, 1 / share - 1),), (SHARE,)
        )
        self._board = board

    def read(self, instant: Instant) -> float:
        return self._board.read(instant) * self.share


def resolved(library: Any, uuid: str, handle: Any) -> tuple[str, str, Any, Any | None]:
    """What CUDA would run on, given a device.

    Returns:
        Its UUID, its board's UUID and handle, and the slice's handle, or None where it is a whole board.
    """
    if uuid.startswith('MIG-'):
        board = library.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(handle)
        return uuid, _uuid(library, board), board, handle
    slice_handle = _first_slice(library, handle)
    if slice_handle is None:
        return uuid, uuid, handle, None
    return _uuid(library, slice_handle), uuid, handle, slice_handle


def share(library: Any, slice_handle: Any, board: Any) -> float:
    """A slice's share of its board, by compute slices.

    Raises:
        SensorError: If the driver does not tell.
    """
    try:
        slices = library.nvmlDeviceGetAttributes(slice_handle).gpuInstanceSliceCount
        most = library.nvmlDeviceGetMaxMigDeviceCount(board)  # as many as there are slices: 7, or 4 on an A30
    except library.NVMLError as error:
        raise SensorError(f'Its share of the board is not known; NVML said: {error}.') from None
    if not 0 < slices <= most:
        raise SensorError(f'Its share of the board is not known: NVML told {slices} of {most} slices.')
    return slices / most


def _first_slice(library: Any, board: Any) -> Any | None:
    """The slice that CUDA takes of a board that is cut up; None where it is whole."""
    try:
        if not library.nvmlDeviceGetMigMode(board)[0]:
            return None
        most = library.nvmlDeviceGetMaxMigDeviceCount(board)
    except library.NVMLError:  # it cannot be cut up
        return None
    for index in range(most):
        try:
            return library.nvmlDeviceGetMigDeviceHandleByIndex(board, index)
        except library.NVMLError:  # no slice has this index
            continue
    return None


def _uuid(library: Any, handle: Any) -> str:
    uuid = library.nvmlDeviceGetUUID(handle)
    return uuid.decode('ascii', 'replace') if isinstance(uuid, bytes) else uuid
