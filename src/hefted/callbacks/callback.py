"""`Callback`, the hooks of a training, and `CallbackList`, which calls them in order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, TypeVar

from hefted.errors import ArgumentError

Logs = dict[str, Any]
Kind = TypeVar('Kind')


class Callback:
    """Something that a training tells of its course. Override the hooks that you need.

    Attributes:
        model: The model that is trained.
        params: 'epochs', 'steps' and 'verbose' of the training.

    At each hook the pipeline is drained and the model's variables hold exactly that step's state; what a hook assigns
    to them is trained on from there. A callback that overrides a batch hook makes every step a stop.
    """

    #: False only for callbacks that read the logs and never the model: they may be called a little behind.
    reads_state: ClassVar[bool] = True

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}
        self._model: Any = None

    @property
    def model(self) -> Any:
        return self._model

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params

    def set_model(self, model: Any) -> None:
        self._model = model

    def on_train_begin(self, logs: Logs | None = None) -> None: ...
    def on_train_end(self, logs: Logs | None = None) -> None: ...
    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None: ...
    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None: ...

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self.on_batch_end(batch, logs)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None: ...
    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None: ...
    def on_test_begin(self, logs: Logs | None = None) -> None: ...
    def on_test_end(self, logs: Logs | None = None) -> None: ...
    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None: ...
    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None: ...
    def on_predict_begin(self, logs: Logs | None = None) -> None: ...
    def on_predict_end(self, logs: Logs | None = None) -> None: ...
    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None: ...
    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None: ...


_OLDER = {'on_train_batch_begin': 'on_batch_begin', 'on_train_batch_end': 'on_batch_end'}
_HOOKS = tuple(name for name in vars(Callback) if name.startswith('on_') and name not in _OLDER.values())


class CallbackList:
    """Callbacks in the order given.

    Args:
        callbacks: One, several (nested at will), another list of this kind, or None.
        model: Given to each.
        params: Given to each.
        adds: A kind (`History`) that is put last unless the user handed one in.

    Raises:
        ArgumentError: Something that is not a callback.
    """

    def __init__(self, callbacks: Any, model: Any, params: dict[str, Any], adds: type[Callback] | None = None) -> None:
        self.callbacks = list(_flat(callbacks))
        if adds is not None and not any(isinstance(c, adds) for c in self.callbacks):
            self.callbacks.append(adds())
        for callback in self.callbacks:
            _check(callback)
            callback.set_params(params)
            callback.set_model(model)
        self._called = {hook: [c for c in self.callbacks if _overrides(c, hook)] for hook in _HOOKS}

    def find(self, kind: type[Kind]) -> Kind:
        """The first callback of a kind that is there."""
        return next(c for c in self.callbacks if isinstance(c, kind))

    def has(self, *hooks: str) -> bool:
        """Whether anyone overrides one of these hooks."""
        return any(self._called[hook] for hook in hooks)

    def reads_state(self, hook: str) -> bool:
        """Whether anyone called at this hook may read or set the model."""
        return any(getattr(callback, 'reads_state', True) for callback in self._called[hook])

    def call(self, hook: str, *arguments: Any) -> None:
        """Call one hook of all: with an index where it has one, and logs, which all of them share and nobody else."""
        if not self._called[hook]:
            return
        *index, logs = arguments if arguments and isinstance(arguments[-1], dict) else (*arguments, {})
        shared = dict(logs)
        for callback in self._called[hook]:
            getattr(callback, hook)(*index, shared)


def _flat(callbacks: Any) -> Iterator[Any]:
    if isinstance(callbacks, CallbackList):
        yield from callbacks.callbacks
    elif isinstance(callbacks, (list, tuple)):
        for callback in callbacks:
            yield from _flat(callback)
    elif callbacks is not None:
        yield callbacks


def _check(callback: Any) -> None:
    """Raise unless it has the hooks; a class in place of an instance is told so."""
    if isinstance(callback, type) or not callable(getattr(callback, 'on_epoch_end', None)):
        hint = (
            f'Write {callback.__name__}().'
            if isinstance(callback, type)
            else 'Derive it from hefted.callbacks.Callback.'
        )
        raise ArgumentError(f'Expected callbacks to be Callback instances, received {callback!r}. {hint}')


def _overrides(callback: Any, hook: str) -> bool:
    """Whether a hook does anything; the batch hooks call the older names."""
    names = (hook, _OLDER[hook]) if hook in _OLDER else (hook,)
    own = vars(callback)
    return any(name in own or getattr(type(callback), name, None) is not getattr(Callback, name) for name in names)
