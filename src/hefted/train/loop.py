"""The training loop: stretches of steps to the device, ticks to the listeners, drained at every hook.

It reads one chunk behind: while the device runs a chunk, Python reads the logs of the one before, over an epoch's edge
too unless somebody there may read the model. The one place that waits for the device is `read_logs`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

import jax
import numpy as np

from hefted.callbacks.callback import CallbackList
from hefted.data.source import Layout, Source
from hefted.runs import NullRun, Run
from hefted.train import interrupts, preemption
from hefted.train.binding import Binding
from hefted.train.checkpoint import Keeper, Place, capture, restore
from hefted.train.governor import Ahead, Governor
from hefted.train.led import ended, led, next_stop, stops
from hefted.train.of_each import kept_by_one
from hefted.train.pace import Pace
from hefted.train.program import Logs, State, Stretcher
from hefted.train.progress import Progress
from hefted.train.rescue import before, rescue
from hefted.train.stretches import Chunk, at_once, loop_for, read_logs


@dataclass
class Job:
    """One training, ready to run.

    Attributes:
        train: The compiled loop, for data of the source's layout.
        source: Where its batches come from.
        binding: The state's variables.
        state: The state at the start, its arrays nobody else's; the loop takes it out.
        callbacks: The user's, and `History`.
        progress: What shows it.
        run: What meters it.
        epochs: The number of the last epoch, plus one.
        key: uint32 (2,); each step's is this with the step's number added to the second word.
        initial_epoch: The number of the first.
        steps_per_epoch: Steps an epoch; a whole pass if None.
        validate: `validate() -> logs` of what the variables hold, or None.
        validates: Whether an epoch is validated.
        stopped: Whether somebody asked to stop.
        finalize: Called when the last step is done: averages become weights.
        pace: Of the compiled loop.
        keepers: Who keeps checkpoints of it; the first that has one is resumed from.
        others: The compiled loop for another layout, where the source has several.
        governor: Who may end it, or hold it, between two chunks.
    """

    train: Stretcher
    source: Source
    binding: Binding
    state: State
    callbacks: CallbackList
    progress: Progress
    run: Run | NullRun
    epochs: int
    key: Any
    initial_epoch: int = 0
    steps_per_epoch: int | None = None
    validate: Callable[[], Logs] | None = None
    validates: Callable[[int], bool] = lambda _: True
    stopped: Callable[[], bool] = lambda: False
    finalize: Callable[[], None] = lambda: None
    pace: Pace = field(default_factory=Pace)
    keepers: Sequence[Keeper] = ()
    others: Callable[[Layout], Stretcher] | None = None
    governor: Governor = field(default_factory=Governor)


def fit(job: Job) -> None:
    """Train; afterwards the variables hold the last whole state, whatever happened."""
    with interrupts.deferred(), preemption.heeded(bool(job.keepers)):
        _Training(led(job)).run()


class _Training:
    """The thin shell around pure steps: the state, and what it takes to show and meter it."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.state, job.state = job.state, None  # may be given away with each dispatch: nobody else keeps it alive
        self.behind: Chunk | None = None  # dispatched, not read yet
        self.by_batch, self.by_epoch = stops(job)
        self.next_stop = next_stop(job)
        self.resumed = next((found for keeper in job.keepers if (found := keeper.load()) is not None), None)
        self.place = Place(job.initial_epoch) if self.resumed is None else self.resumed.place
        self.dispatched = self.done = self.place.done  # steps since the training began
        self.begun = self.place.epoch - 1
        self.logs: Logs = {}
        self.halted = False  # by the governor, within an epoch
        self.whole = True  # no hook was left in its middle
        self.clock = perf_counter()

    def run(self) -> None:
        job = self.job
        try:
            self.take_up()
            self.hook('on_train_begin')
            self.take_up()
            job.callbacks.begin(self.done)
            job.governor.begin(self.done, self.place.epoch)
            self.hold()
            for epoch in range(self.place.epoch, job.epochs):
                if self.spent(epoch):
                    break
                some = self.epoch(epoch)
                if self.halted:
                    break
                if not some and not (self.place.epoch == epoch and self.place.step):
                    break  # the data is at its end, and the source has said so
                self.close(epoch)
                if self.halted or job.stopped():
                    break
            self.settle_all()
            if self.halted:  # what it has come to is kept: with more to spend it goes on from here
                self.show()
                self.keep(now=True)
            self.heed()
            job.finalize()
            job.callbacks.begin(self.done)
            begun = perf_counter()
            job.callbacks.call('on_train_end', self.logs)
            ended()
            job.governor.did('end', perf_counter() - begun)
        except BaseException as error:
            kept = self.job.keepers and kept_by_one(self.job.source, self.state)  # the others may go on
            asked = not interrupts.heard() if isinstance(error, KeyboardInterrupt) else preemption.unheeded()
            if kept and asked and self.whole:
                self.settle_all()  # nothing is lost by a first Ctrl-C, nor where SIGTERM ended who loads the data
                self.keep(now=True, alone=True)
            # What was dispatched last may still be whole; if not, the variables keep what was drained last.
            try:
                jax.block_until_ready(self.state)
                self.job.binding.drain(self.state)  # as it is: nobody will give it away any more
            except Exception:
                if self.job.train.large and self.lets_go:
                    error.add_note(
                        'The weights were given away to the steps that failed, and are lost: so large a model is not '
                        'kept twice. Load them from a file, or train with callbacks.BackupAndRestore.'
                    )
            raise
        finally:
            job.binding.part()
            job.governor.end()

    def epoch(self, epoch: int) -> bool:
        """Train for one epoch, its last chunk unread; whether there was anything to train on."""
        if self.by_epoch or self.resumed is not None:  # what hooks reset is put back before a step is dispatched
            self.begin(epoch)
        some = False
        for chunk in self.chunks(epoch):
            some = True
            before, self.behind = self.behind, chunk
            self.settle(before)
            interrupts.safe_point()
            self.hold()
            self.keep_at_edge()
            if self.by_batch or chunk.stop or self.job.stopped():
                self.settle_all()
                if self.job.stopped():
                    break
        return some

    def chunks(self, epoch: int) -> Iterator[Chunk]:
        """Dispatch an epoch, chunk by chunk."""
        job = self.job
        end = self.place.step if self.place.epoch == epoch else 0  # a resumed epoch goes on in its middle
        for stretch in at_once(job.source.epoch(epoch, job.steps_per_epoch, end)):
            if stretch is None:  # what comes next takes time: tell what is done, and wait only for what can be paid
                self.settle_all()
                self.heed()
                if not self.allowed(Ahead(1, 0, epoch, None, self.done)):
                    self.halted = True
                    return
                continue
            train, first = loop_for(stretch, job.train, job.others), 0
            while first < stretch.steps:
                most = 1 if self.by_batch or train.single or job.stopped() else job.pace.steps
                at = self.next_stop()
                steps = int(min(most, stretch.steps - first, at - self.dispatched))
                steps = self.allowed(Ahead(steps, 0, epoch, stretch.steps - first, self.done))
                if not steps:
                    self.halted = True
                    return
                if self.by_batch:
                    self.hook('on_train_batch_begin', end)
                numbers = np.array([stretch.first + first, stretch.rows, self.dispatched], np.int32)
                self.state, logs = train.run(
                    None, self.state, stretch.data, stretch.order, np.int32(steps), np.bool_(end == 0), numbers, job.key
                )
                if train.large and self.lets_go:
                    job.binding.drain(self.state)
                first, end, self.dispatched = first + steps, end + steps, self.dispatched + steps
                stop = self.dispatched >= at
                yield Chunk(epoch, end, steps, False, stop, logs, None if train.donates else self.state)
        if epoch + 1 < job.epochs and not self.by_epoch:  # a callback may draw of the same numbers before
            job.source.prepare(epoch + 1, job.steps_per_epoch)

    def allowed(self, ahead: Ahead) -> int:
        """How many steps the governor lets pass; what is not read yet is read first where that decides."""
        waiting = self.dispatched - self.done
        steps = self.job.governor.allow(ahead._replace(waiting=waiting))
        if steps < 1 and waiting:
            self.settle_all()
            steps = self.job.governor.allow(ahead._replace(done=self.done))
        return max(steps, 0)

    def spent(self, epoch: int) -> bool:
        """Whether the governor lets not a single step of an epoch pass: then the epoch does not begin."""
        step = self.place.step if self.place.epoch == epoch else 0
        total = self.job.steps_per_epoch or self.job.source.steps
        one = Ahead(1, 0, epoch, None if total is None else total - step, self.done)
        self.halted = not (self.allowed(one) and self.job.governor.may('begin'))
        return self.halted

    def hold(self) -> None:
        """Wait while the governor wants it, the state whole and kept; end where a process was told to."""
        if self.job.governor.holds():
            self.settle_all()
            self.keep(now=True)
            self.job.run.enter('wait')
            with interrupts.at_once():
                self.job.governor.wait()
            self.job.run.enter('train')
            self.clock = perf_counter()
        self.heed()

    def heed(self) -> None:
        """End, the state whole and kept, where a process was told to."""
        if self.job.keepers and preemption.told():
            self.settle_all()
            if not self.job.stopped():  # of that a checkpoint knows nothing: from one before it comes to the same end
                self.keep(now=True)
            preemption.end()

    def close(self, epoch: int) -> None:
        """All of an epoch is dispatched."""
        if self.behind is not None and self.behind.epoch == epoch:
            self.behind = self.behind._replace(last=True)
            if self.by_epoch:
                self.settle_all()
        elif self.place.epoch == epoch:  # all of its chunks are settled already
            self.show()
            self.end(epoch)

    @property
    def lets_go(self) -> bool:
        """Whether what the variables held before is given up as soon as steps are dispatched (see `Binding.take`)."""
        return bool(self.done) or jax.default_backend() == 'cpu'

    def show(self) -> None:
        """Let the variables hold a state that is given away otherwise."""
        if self.job.train.large:
            self.job.binding.drain(self.state)
        elif self.job.train.donates:
            self.job.binding.drain_copy(self.state)

    def settle_all(self) -> None:
        """Drain the pipeline."""
        before, self.behind = self.behind, None
        self.settle(before)

    def settle(self, chunk: Chunk | None) -> None:
        """Read a chunk's logs and tell everybody."""
        if chunk is None:
            return
        job = self.job
        if self.begun < chunk.epoch:
            self.begin(chunk.epoch)
        self.logs = read_logs(chunk.logs)
        now = perf_counter()
        seconds = now - self.clock
        job.pace.learn(chunk.steps, seconds)
        self.clock = now
        self.done += chunk.steps
        job.callbacks.step = self.done
        self.place = Place(chunk.epoch, chunk.end, self.done)
        if chunk.state is not None:
            job.binding.drain(chunk.state)
        elif chunk.last or chunk.stop or job.train.large:
            self.show()
        tick = job.run.tick(self.done, chunk.epoch, self.logs)
        job.governor.hear(chunk.steps, seconds, tick)
        if not chunk.last:
            job.progress.tick(chunk.end, self.logs, tick)
        if self.by_batch or chunk.stop:
            self.hook('on_train_batch_end', chunk.end - 1, self.logs)
        if chunk.last:
            self.end(chunk.epoch)

    def begin(self, epoch: int) -> None:
        """Tell that an epoch begins, or goes on after a resume."""
        self.begun = epoch
        if self.by_epoch:
            self.clock = perf_counter()
        # Where epochs overlap this one has been under way since the chunk before it was read.
        self.job.progress.epoch_begin(epoch, self.clock)
        begun = perf_counter()
        self.hook('on_epoch_begin', epoch)
        self.job.governor.did('begin', perf_counter() - begun)
        if self.place.step:
            self.take_up()
        self.resumed = None
        if self.by_epoch:
            self.clock = perf_counter()

    def end(self, epoch: int) -> None:
        """Validate, and tell that an epoch ended; where that cannot be paid for the training ends before it."""
        job = self.job
        validates = job.validate is not None and job.validates(epoch)
        if self.by_epoch and not job.governor.may('validate' if validates else 'epoch'):
            self.halted = True
            return
        if job.validate is not None and validates:
            job.run.enter('validate')
            begun = perf_counter()
            validated = {f'val_{name}': value for name, value in job.validate().items()}
            self.logs = dict(sorted((self.logs | validated).items()))
            self.state = job.binding.refresh(self.state)
            job.run.enter('train')
            job.governor.did('validate', perf_counter() - begun)
        begun = perf_counter()
        job.progress.epoch_end(epoch, self.logs, job.run.tick(self.done, epoch, self.logs), self.place.step)
        self.hook('on_epoch_end', epoch, self.logs, then=Place(epoch + 1, 0, self.done))
        job.governor.did('epoch', perf_counter() - begun)

    def hook(self, name: str, *arguments: Any, then: Place | None = None) -> None:
        """Call a hook, take up what it assigned to the variables, and keep what somebody asked to be kept.

        Where checkpoints are kept, Ctrl-C waits for the end of one that is not at an epoch's end.
        """
        binding, reads = self.job.binding, self.job.callbacks.hook_reads_state(name)
        lent = reads and self.job.train.large
        if lent:  # what a hook keeps of it is not given away
            binding.drain_copy(self.state)
        edge = bool(self.job.keepers) and name == 'on_epoch_end' and self.dispatched == self.done
        found = before(self.job, self.state, self.place, self.logs) if edge else None
        try:
            with interrupts.at_once() if edge or not self.job.keepers else nullcontext():
                self.job.callbacks.call(name, *arguments)
        except BaseException as error:  # what it assigned stays; nor does its failure cost another's checkpoint
            self.whole = False
            if found is not None:
                rescue(self.job, found, error)
            self.state = binding.refresh(self.state)
            if found is None and isinstance(error, Exception) and kept_by_one(self.job.source, self.state):
                self.keep(alone=True)
            raise
        self.place = then or self.place
        if reads:
            self.state = binding.refresh(self.state)
        if lent:
            binding.drain(self.state)
        self.keep()

    def keep_at_edge(self) -> None:
        """Keep a checkpoint at a chunk's edge, where that is time by somebody's clock."""
        job = self.job
        if any(not keeper.at_hooks and keeper.due() for keeper in job.keepers) and job.governor.may('checkpoint'):
            self.settle_all()
            self.keep(at_hook=False)

    def keep(self, now: bool = False, at_hook: bool = True, alone: bool = False) -> None:
        """Give a checkpoint to each keeper that is due, or to all of them now."""
        job = self.job
        due = [keeper for keeper in job.keepers if now or (keeper.at_hooks == at_hook and keeper.due())]
        # What is about to end needs none.
        if not due or (not now and (job.stopped() or not job.governor.may('checkpoint'))):
            return
        begun = perf_counter()
        job.run.enter('checkpoint')
        self.state = job.binding.refresh(self.state)
        checkpoint = replace(capture(job, self.state, self.place, self.logs, alone), halted=self.halted)
        for keeper in due:
            keeper.save(checkpoint)
        job.run.enter('train')
        self.clock = perf_counter()
        for keeper in due:
            keeper.took(self.clock - begun)
        job.governor.did('checkpoint', self.clock - begun)

    def take_up(self) -> None:
        """Be where the checkpoint was, if this is a resumed training."""
        if self.resumed is not None:
            self.state, self.logs = restore(self.job, self.resumed)
