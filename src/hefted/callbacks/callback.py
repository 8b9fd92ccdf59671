"""`Callback`, the hooks of a training, and `CallbackList`, which calls them in order."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, TypeVar

from hefted.distribution import lead
from hefted.errors import ArgumentError

Logs = dict[str, Any]
Kind = TypeVar('Kind')


class Callback:
    """Something that a training tells of its course. Override the hooks that you need.

    Attributes:
        model: The model that is trained.
        params: 'epochs', 'steps' and 'verbose' of the training.

    At each hook the pipeline is drained and the model's variables hold exactly that step's state; what a hook assigns
    to them is trained on from there. A callback that overrides a batch hook makes every step a stop, unless it says
    with `stops_at` which steps it needs.

    A callback that has two more methods is part of a backup: `get_state() -> state` (dicts, lists, numbers, strings,
    NumPy arrays) and `set_state(state)`. In a resumed training `set_state` is called before `on_train_begin` and again
    after it, and after `on_epoch_begin` of an epoch that goes on in its middle: whatever these hooks reset is put back.
    """

    #: False only for callbacks that read the logs and never the model: they may be called a little behind.
    reads_state: ClassVar[bool] = True

    #: True for callbacks that write files or show something: of several processes one alone calls them.
    once: ClassVar[bool] = False

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

    def stops_at(self, step: int) -> int | None:
        """After which step `on_train_batch_end` is needed next; None for never.

        Override it beside `on_train_batch_end`, which is then called after these steps only, and those between them
        run in one go. It is asked when a training begins, after each of its stops, and before `on_train_end`.

        Args:
            step: Steps done in this training, over all its epochs.
        """
        return step + 1

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
_BATCH_END = ('on_train_batch_end', 'on_batch_end')
_HOOKS = tuple(name for name in vars(Callback) if name.startswith('on_') and name not in _OLDER.values())


class CallbackList(Callback):
    """Callbacks in the order given.

    Args:
        callbacks: One, several (nested at will), another list of this kind, or None.
        add_history: Whether a `History` is put last unless there is one.
        add_progbar: Whether a `ProgbarLogger` is put last unless there is one.
        model: Given to each.
        **params: Given to each, if there are any.

    Raises:
        ArgumentError: Something that is not a callback.
    """

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        super().__init__()
        self.callbacks = list(_flat(callbacks))
        if add_history:
            from hefted.callbacks.history import History

            self._add(History)
        if add_progbar:
            from hefted.callbacks.progbar_logger import ProgbarLogger

            self._add(ProgbarLogger)
        for callback in self.callbacks:
            _check(callback)
        if model is not None:
            self.set_model(model)
        self.set_params(params)
        self.step = 0  # steps done in this training
        self._index()

    def _add(self, kind: type[Callback]) -> None:
        if not any(isinstance(c, kind) for c in self.callbacks):
            self.callbacks.append(kind())

    def _index(self) -> None:
        """Find out who overrides what."""
        self._called = {hook: [c for c in self.callbacks if _overrides(c, hook)] for hook in _HOOKS}
        self._read = {hook: any(_reads_state(c, hook) for c in called) for hook, called in self._called.items()}
        self._stops: dict[int, float] = {
            id(c): 1 for c in self._called['on_train_batch_end'] if _says_where_it_stops(c)
        }  # by callback: the step after which it is called next

    def append(self, callback: Any) -> None:
        """Put one more callback last."""
        _check(callback)
        self.callbacks.append(callback)
        self._index()

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params
        for callback in self.callbacks if params else ():
            callback.set_params(params)

    def set_model(self, model: Any) -> None:
        self._model = model
        for callback in self.callbacks:
            callback.set_model(model)

    @property
    def shows_progress(self) -> bool:
        """Whether a callback shows how far it is, so that nobody else shall."""
        return any(getattr(callback, 'shows_progress', False) for callback in self.callbacks)

    def find(self, kind: type[Kind]) -> Kind:
        """The first callback of a kind that is there."""
        return next(c for c in self.callbacks if isinstance(c, kind))

    def has(self, *hooks: str) -> bool:
        """Whether anyone overrides one of these hooks."""
        return any(self._called[hook] for hook in hooks)

    def stops_at_batches(self) -> bool:
        """Whether somebody's hook must be called at every batch."""
        stopping = len(self._called['on_train_batch_begin']) + len(self._called['on_train_batch_end'])
        return stopping > len(self._stops)

    @property
    def stops_now_and_then(self) -> bool:
        """Whether somebody's hook says after which batches it is to be called."""
        return bool(self._stops)

    def begin(self, step: int = 0) -> None:
        """A training begins, or goes on, after so many steps: ask everybody where to stop."""
        self.step = step
        for callback in self._called['on_train_batch_end']:
            if id(callback) in self._stops:
                self._stops[id(callback)] = _or_never(callback.stops_at(step))

    @property
    def next_stop(self) -> float:
        """The step after which somebody's hook must be called; infinite if there is none."""
        return min(self._stops.values(), default=math.inf)

    def hook_reads_state(self, hook: str) -> bool:
        """Whether anyone called at this hook may read or set the model."""
        return self._read[hook]

    def call(self, hook: str, *arguments: Any) -> None:
        """Call one hook of all: with an index where it has one, and logs, which all of them share and nobody else."""
        if not self._called[hook]:
            return
        *index, logs = arguments if arguments and isinstance(arguments[-1], dict) else (*arguments, {})
        shared = dict(logs)
        elsewhere = not lead.first()
        for callback in self._called[hook]:
            if elsewhere and getattr(callback, 'once', False):
                continue
            stop = self._stops.get(id(callback)) if hook == 'on_train_batch_end' else None
            if stop is not None and stop > self.step:
                continue
            getattr(callback, hook)(*index, shared)
            if stop is not None:
                self._stops[id(callback)] = _or_never(callback.stops_at(self.step))

    # For loops that users write

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.call('on_train_begin', logs or {})
        self.begin()

    def on_train_end(self, logs: Logs | None = None) -> None:
        self.begin(self.step)
        self.call('on_train_end', logs or {})

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self.step += 1
        self.call('on_train_batch_end', batch, logs or {})


def _delegate(hook: str) -> Callable[..., None]:
    def called(self: CallbackList, *arguments: Any, logs: Logs | None = None) -> None:
        told = arguments[-1] if arguments and isinstance(arguments[-1], dict) else logs
        self.call(hook, *(a for a in arguments if a is not told and a is not None), told or {})

    called.__name__ = hook
    return called


for _hook in _HOOKS:
    if _hook not in vars(CallbackList):
        setattr(CallbackList, _hook, _delegate(_hook))


def _or_never(stop: int | None) -> float:
    return math.inf if stop is None else stop


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
    # Keras's own callbacks are taken as they are, and their base does nothing either.
    bases = [cls for cls in type(callback).__mro__ if cls.__name__ == 'Callback']
    return any(
        name in own or all(getattr(type(callback), name, None) is not getattr(base, name, None) for base in bases)
        for name in names
    )


def _says_where_it_stops(callback: Any) -> bool:
    """Whether its `stops_at` was written with its hook in mind: in the same class, or in one that derives from it."""
    if any(name in vars(callback) for name in _BATCH_END):
        return False
    for cls in type(callback).__mro__:
        own = vars(cls)
        if 'stops_at' in own:
            return cls is not Callback
        if any(name in own for name in _BATCH_END):
            return False
    return False


def _reads_state(callback: Any, hook: str) -> bool:
    """As `reads_state` says, where the class that says so, or one that it derives from, has the hook."""
    names = (hook, _OLDER.get(hook, hook))
    if any(name in vars(callback) for name in names):
        return True
    for cls in type(callback).__mro__:
        if 'reads_state' in vars(cls):
            return vars(cls)['reads_state']
        if any(name in vars(cls) for name in names):
            return True
    return True
