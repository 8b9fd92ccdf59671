"""A run's own append-only file: the truth of it, kept while the run goes on.

One JSON Lines file a run, `<data folder>/runs/<run id>.jsonl`. The first line is the header (`schema` first);
each later line is what the run says. The caller only hands lines over: one daemon thread per process opens,
writes each line as it comes and syncs to the disk at most once a second, so a slow or hung disk never holds
up a training.

While a process keeps a journal it holds an advisory lock on the file (where the platform has them), so that
a reader can tell a run that goes on from one that was killed.
"""

from __future__ import annotations

import atexit
import math
import os
import re
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue

from hefted.ledger.lines import SCHEMA, Line, encode

_SYNC_SECONDS = 1.0
_PAUSE_SECONDS = 0.02  # what comes in a burst is written at once, a moment later
_MOMENT_SECONDS = 0.005
_DRAIN_SECONDS = 2.0
_LONGEST_QUEUE = 100_000  # hand-overs that wait for a hung disk: some 50 MB, then the journal gives up
_SAFE_ID = re.compile(r'[0-9A-Za-z][0-9A-Za-z._-]{0,127}')


class Journal:
    """The file of one run. No method raises or waits for the disk.

    Attributes:
        failure: Why nothing more is kept, as a sentence; None while all is well. The writer's thread sets it.
        path: The file; None until the writer's thread has opened it.

    Example:
        >>> import tempfile
        >>> from hefted.ledger.lines import read
        >>> folder = Path(tempfile.mkdtemp())
        >>> journal = Journal.open('0193a7c4-5f21', {'kind': 'fit'}, folder)
        >>> journal.write({'step': 32, 'loss': float('nan')})
        >>> journal.close()
        >>> journal.flush(timeout=5.0)
        True
        >>> read(folder / '0193a7c4-5f21.jsonl')[1]
        {'step': 32, 'loss': 'NaN'}
    """

    __slots__ = ('_descriptor', '_told', '_writer', 'failure', 'path')

    def __init__(self, writer: _Writer):
        self.path: Path | None = None
        self.failure: str | None = None
        self._writer = writer
        self._descriptor: int | None = None
        self._told: threading.Event | None = None  # what became of it, where that is waited for

    @classmethod
    def open(cls, run_id: str, header: Line, folder: Path | None = None) -> Journal:
        """Begin a run's journal and hand its header over.

        Args:
            run_id: The run's id (a UUIDv7), which names the file.
            header: What is known at the start; `schema` and `run` are put before it.
            folder: Where the file goes; None for `runs` in the user's data folder.

        Returns:
            The journal. When it cannot be kept, `failure` says why (after a `flush` at the latest) and
            what is written to it is dropped.
        """
        journal = cls(_writer())
        try:  # now, and not when the writer comes to it: by then the setting may be another
            folder = runs_folder() if folder is None else Path(folder)
        except Exception as error:
            journal._hand_over(partial(journal.fail, error))
        else:
            journal._hand_over(partial(journal._begin, run_id, header, folder))
        return journal

    def write(self, line: Line) -> None:
        """Hand one line over. The journal owns the dictionary from now on: do not change it afterwards."""
        self._hand_over(partial(self._append, line))

    def close(self) -> None:
        """Hand the end over: what waits is written, synced, and the file is closed."""
        if self._writer.doubtful:
            self._told = threading.Event()
        self._hand_over(self._end)

    def outcome(self, timeout: float) -> str | None:
        """Why a journal that was closed could not be kept; None when it was.

        Waited for, at most `timeout` seconds, only where there is doubt: for the first of a process, and after one that
        could not be kept. A small fit has ended before its disk has answered, and most disks are well.
        """
        if self._told is not None and self.failure is None:
            with self._writer.hurried():
                self._told.wait(timeout)
        return self.failure

    def flush(self, timeout: float) -> bool:
        """Wait until all that was handed over has been dealt with, at most `timeout` seconds.

        Returns:
            Whether it was.
        """
        return self._writer is not _writer_of_this_process or self._writer.drain(timeout)

    def _hand_over(self, job: Callable[[], None]) -> None:
        if self._writer is not _writer_of_this_process:  # a fork's child: the journal is its parent's to keep
            return
        if not self._writer.hand_over(self, job) and self.failure is None:
            self.failure = 'The journal was not kept to the end: its disk does not keep up.'

    def _begin(self, run_id: str, header: Line, folder: Path) -> None:
        if not _SAFE_ID.fullmatch(run_id):
            raise ValueError('the run id is not a file name')
        path = folder / f'{run_id}.jsonl'
        again = path.exists()
        # Named only once its first line is whole: a kill leaves no journal that says nothing. (Windows cannot rename
        # what is open.)
        aside = path if again or os.name == 'nt' else path.with_suffix('.begun')
        self._descriptor = self._writer.descriptors[self] = _open(aside)
        if os.fstat(self._descriptor).st_size and not _ends_with_newline(path):
            os.write(self._descriptor, b'\n')  # a second attempt after one that died in the middle of a line
        self._append({'schema': SCHEMA, 'run': run_id} | {k: v for k, v in header.items() if k != 'schema'})
        self.put()
        aside.replace(path)
        self.path = path

    def _append(self, line: Line) -> None:
        if self._descriptor is None:
            return
        self._writer.unwritten.setdefault(self, []).append(encode(line) + b'\n')
        self._writer.unsynced[self] = None

    def put(self) -> None:
        """Write the lines that came in one burst, in one piece: for the writer's thread alone."""
        lines = self._writer.unwritten.pop(self, None)
        if lines is None or self._descriptor is None:
            return
        rest = memoryview(b''.join(lines))
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def sync(self) -> None:
        """Put what is written on the disk, and wait for it: for the writer's thread alone."""
        self.put()
        if self._descriptor is not None:
            os.fsync(self._descriptor)

    def _end(self) -> None:
        self.put()
        self._writer.unsynced.pop(self, None)
        self._writer.descriptors.pop(self, None)
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            self._writer.doubtful = False
            self._tell()
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def fail(self, error: Exception) -> None:
        """Give up, and keep the reason: for the writer's thread alone."""
        if self.failure is None:
            # strerror and not str(error), which holds a path: receipts are shown to others
            strerror = error.strerror if isinstance(error, OSError) else None
            told = strerror or str(error).split(', received')[0]
            reason = f'{told[:1].lower()}{told[1:]}' or type(error).__name__
            remedy = 'Set HEFTED_DATA_DIR to a folder that can be written.'
            self.failure = f'The journal could not be kept: {reason}. {remedy}'
        self._writer.doubtful = True
        self._tell()
        self._writer.unsynced.pop(self, None)
        self._writer.unwritten.pop(self, None)
        self._writer.descriptors.pop(self, None)
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _tell(self) -> None:
        if self._told is not None:
            self._told.set()


class _Writer:
    """The one thread of a process that touches journals' files."""

    def __init__(self) -> None:
        self.unsynced: dict[Journal, None] = {}
        self.unwritten: dict[Journal, list[bytes]] = {}
        self.descriptors: dict[Journal, int] = {}  # of the files that are open
        self.cost_seconds = 0.0
        self.doubtful = True  # until a journal has been kept, and after one that has not
        self._jobs: SimpleQueue[tuple[Journal | None, Callable[[], None]]] = SimpleQueue()
        self._hurry = threading.Event()  # somebody waits
        self._lock = threading.Lock()
        self._started = False

    def hand_over(self, journal: Journal | None, job: Callable[[], None]) -> bool:
        """Queue a job for the thread, which is started by the first; False when it cannot be done."""
        if not self._started and not self._start():
            return False
        if self._jobs.qsize() > _LONGEST_QUEUE:
            return False
        self._jobs.put((journal, job))
        return True

    def drain(self, timeout: float) -> bool:
        """Wait until the queue has been worked through and synced; whether that happened in time."""
        if not self._started:
            return True
        done = threading.Event()
        self._jobs.put((None, self._sync_all))
        self._jobs.put((None, done.set))
        with self.hurried():
            return done.wait(timeout)

    @contextmanager
    def hurried(self) -> Generator[None, None, None]:
        """Somebody waits: nothing is put off meanwhile."""
        self._hurry.set()
        try:
            yield
        finally:
            self._hurry.clear()

    def _start(self) -> bool:
        with self._lock:
            if not self._started:
                try:
                    threading.Thread(target=self._work, name='hefted-journal', daemon=True).start()
                except RuntimeError:  # the interpreter is shutting down, or no more threads
                    return False
                self._started = True
            return True

    def _work(self) -> None:
        due = math.inf  # when unsynced lines must reach the disk
        pause = _MOMENT_SECONDS  # the first line of a process is written at once, but not before its run has started
        while True:
            try:
                wait = None if due == math.inf else max(0.0, due - time.monotonic())
                journal, job = self._jobs.get(timeout=wait)
                # A fit of milliseconds hands over a handful of lines: they wait until it is over, not beside it.
                self._hurry.wait(pause)
                pause = _PAUSE_SECONDS
                while True:
                    _guarded(journal, job)
                    journal, job = self._jobs.get_nowait()
            except Empty:
                pass
            for journal in list(self.unwritten):
                _guarded(journal, journal.put)
            if not self.unsynced:
                due = math.inf
            elif due == math.inf:
                due = time.monotonic() + _SYNC_SECONDS
            elif time.monotonic() >= due:
                self._sync_all()
                due = math.inf
            self.cost_seconds = time.thread_time()

    def _sync_all(self) -> None:
        for journal in list(self.unsynced):
            self.unsynced.pop(journal, None)
            _guarded(journal, journal.sync)


def _guarded(journal: Journal | None, job: Callable[[], None]) -> None:
    """Do a job; its error is the journal's failure, and never the thread's end."""
    try:
        job()
    except Exception as error:
        if journal is not None:
            journal.fail(error)


_writer_of_this_process: _Writer | None = None


def _writer() -> _Writer:
    global _writer_of_this_process
    if _writer_of_this_process is None:
        _writer_of_this_process = _Writer()
    return _writer_of_this_process


def _forget_writer() -> None:
    """In a fork's child: the thread is gone, and its queue may be locked for ever; the files are its parent's."""
    global _writer_of_this_process
    if _writer_of_this_process is not None:
        for descriptor in list(_writer_of_this_process.descriptors.values()):
            with suppress(OSError):  # the thread may have been about to close it
                os.close(descriptor)
    _writer_of_this_process = None


def _drain_at_exit() -> None:
    if _writer_of_this_process is not None:
        _writer_of_this_process.drain(_DRAIN_SECONDS)


# Handlers run last-in-first-out: who imports this file and then registers its own is heard before the drain.
atexit.register(_drain_at_exit)
if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_forget_writer)


def settle(timeout: float = 0.5) -> None:
    """Let what this process has handed over be written, for who reads journals here."""
    if _writer_of_this_process is not None:
        _writer_of_this_process.drain(timeout)


def writer_cost_seconds() -> float:
    """The CPU time, in seconds, that keeping journals has cost this process so far."""
    return 0.0 if _writer_of_this_process is None else _writer_of_this_process.cost_seconds


def runs_folder() -> Path:
    """The folder of all journals: `runs` in the user's data folder."""
    from hefted.settings import data_folder

    return data_folder() / 'runs'


def _open(path: Path) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, 'O_BINARY', 0)
    try:
        descriptor = os.open(path, flags, 0o600)
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, flags, 0o600)
    lock(descriptor)
    return descriptor


def lock(descriptor: int) -> bool:
    """Take the advisory lock of an open file without waiting; whether it was free (without locks, yes)."""
    try:
        import fcntl
    except ImportError:  # Windows
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def is_kept(path: Path) -> bool:
    """Whether a process still keeps this journal; False where that cannot be known."""
    with path.open('rb') as file:
        return not lock(file.fileno())


def _ends_with_newline(path: Path) -> bool:
    with path.open('rb') as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b'\n'
