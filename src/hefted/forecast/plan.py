"""What a training is going to do: steps, operations, bytes, memory, data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is going to do. None is what nobody knows before it is done, never 0.

    Attributes:
        steps: Training steps in all.
        epochs: Epochs in all.
        batch_size: Rows a step.
        parameters: Numbers that are trained.
        flops_per_step: Operations of one training step, as the compiled program counts them; a multiplication and an
            addition are one each.
        bytes_per_step: Bytes that one training step reads and writes in memory, counted likewise.
        validation_steps: Steps of one validation; 0 without any.
        validations: How many validations.
        flops_per_validation_step: Operations of one step of validation.
        checkpoints: How many checkpoints are asked for; None where their number follows from the duration.
        state_bytes: Weights, statistics, optimizer.
        peak_bytes: The most memory of one device at once, data included.
        data_bytes: The training data's own.
        tokens: Tokens in all, where the data is text or the plan was told so.
        precision: Of the products: 'float32', 'bfloat16', 'float16' or 'float8'.
        devices: How many devices share each step, of all hosts; operations and bytes of a step are of all together.
        bytes_between_devices: Bytes that each device sends to others in one step; of a fit counted from the program
            that the compiler split over them.
        products_per_step: Of the operations of a step, those of products of matrices; what MFU counts.
        peak_flops: Operations a second of one device at its peak, in numbers of that precision, by its data sheet.
        tokens_per_row: Tokens of a row of a step, on average, where a row is a sequence of them: without padding where
            the data tells how much of them that is, else all places.
        recomputes: Whether a step computes products of matrices again to save memory.
    """

    steps: int | None = None
    epochs: int | None = None
    batch_size: int | None = None
    parameters: int | None = None
    flops_per_step: float | None = None
    bytes_per_step: float | None = None
    validation_steps: int | None = 0
    validations: int | None = 0
    flops_per_validation_step: float | None = None
    checkpoints: int | None = 0
    state_bytes: int | None = None
    peak_bytes: int | None = None
    data_bytes: int | None = None
    tokens: float | None = None
    precision: str = 'float32'
    devices: int = 1
    bytes_between_devices: float | None = None
    products_per_step: float | None = None
    peak_flops: float | None = None
    tokens_per_row: float | None = None
    recomputes: bool = False

    @property
    def flops(self) -> float | None:
        """Operations in all, validation counted; None where steps or operations are not known."""
        if self.steps is None or self.flops_per_step is None:
            return None
        held_out = (self.validation_steps or 0) * (self.validations or 0) * (self.flops_per_validation_step or 0.0)
        return self.steps * self.flops_per_step + held_out

    @property
    def summed_bytes(self) -> float | None:
        """Bytes whose sum over all devices in a ring takes what is sent in a step; None where that was not counted.

        Of n devices each sends 2 (n - 1) / n times as many (Patarasuk and Yuan 2009).

        Example:
            >>> Plan(devices=8, bytes_between_devices=1400.0).summed_bytes
            800.0
        """
        if self.bytes_between_devices is None or self.devices < 2:
            return None
        return self.bytes_between_devices * self.devices / (2 * (self.devices - 1))

    def shared_by(self, devices: int, peak_flops: float | None = None) -> Plan:
        """The same step shared by another number of devices: what each sends follows, where it was counted.

        Args:
            devices: How many.
            peak_flops: Of one of them.

        Example:
            >>> Plan(devices=8, bytes_between_devices=1400.0).shared_by(64).bytes_between_devices
            1575.0
        """
        summed = self.summed_bytes
        sent = None if summed is None or devices < 2 else 2 * (devices - 1) / devices * summed
        return replace(self, devices=devices, bytes_between_devices=sent, peak_flops=peak_flops)

    def to_json(self) -> dict[str, Any]:
        """Write what is known as plain data, the operations in all with it."""
        return {name: value for name, value in (asdict(self) | {'flops': self.flops}).items() if value is not None}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Plan:
        """Read what `to_json` wrote; unknown keys are passed over.

        Example:
            >>> plan = Plan(steps=320, flops_per_step=1e6)
            >>> Plan.from_json(plan.to_json()) == plan, plan.flops
            (True, 320000000.0)
        """
        return cls(**{each.name: data[each.name] for each in fields(cls) if each.name in data})
