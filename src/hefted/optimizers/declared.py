"""The base of our own optimizers: they name their arguments once, and their config follows."""

from __future__ import annotations

from typing import Any, TypedDict, Unpack

from hefted.optimizers.optimizer import Optimizer


class Shared(TypedDict, total=False):
    """The keywords that every optimizer takes after its own, in this order."""

    weight_decay: float | None
    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    loss_scale_factor: float | None
    gradient_accumulation_steps: int | None
    name: str | None


class Declared(Optimizer):
    """An optimizer of ours: its config is the shared one and the attributes that it names."""

    arguments: tuple[str, ...] = ()
    quick = True

    def __init__(self, learning_rate: Any, *shared: Any, **named: Unpack[Shared]) -> None:
        super().__init__(learning_rate, *shared, **named)  # pyright: ignore[reportCallIssue] (either holds the rest)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {name: getattr(self, name) for name in self.arguments}
