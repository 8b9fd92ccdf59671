"""`CSVLogger`: one row of a table an epoch."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from hefted.callbacks.callback import Callback, Logs


class CSVLogger(Callback):
    """Write each epoch's logs as a row; the first epoch's names, and their `val_` twins, are the columns.

    A training that is resumed from a backup goes on in the file where the backup was made, without rows twice.

    Args:
        filename: The file.
        separator: Between two columns.
        append: Whether to add to a file that is there instead of replacing it.
    """

    reads_state = False
    once = True

    def __init__(self, filename: str | Path, separator: str = ',', append: bool = False) -> None:
        super().__init__()
        self.sep, self.filename, self.append = separator, str(filename), append
        self.keys: list[str] | None = None
        self.append_header = True
        self.csv_file: TextIO | None = None
        self._resumed_at: int | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._close()
        path = Path(self.filename)
        if self._resumed_at is not None and path.exists():
            self.csv_file = path.open('r+', newline='')
            self.csv_file.truncate(min(self._resumed_at, path.stat().st_size))
            self.csv_file.seek(0, os.SEEK_END)
            return
        self.keys = None
        if self.append and path.exists():
            with path.open() as file:
                self.append_header = not file.readline()
        self.csv_file = path.open('a' if self.append else 'w', newline='')

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = logs or {}
        first = self.keys is None
        if self.keys is None:
            self.keys = sorted(logs)
            if not any(name.startswith('val_') for name in self.keys):  # an epoch without validation, perhaps
                self.keys += [f'val_{name}' for name in self.keys]
        assert self.csv_file is not None
        writer = csv.DictWriter(self.csv_file, ['epoch', *self.keys], delimiter=self.sep)
        if first and self.append_header:
            writer.writeheader()
        writer.writerow({'epoch': epoch} | {name: _cell(logs.get(name, 'NA')) for name in self.keys})
        self.csv_file.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._close()
        self._resumed_at = None

    def get_state(self) -> dict[str, Any]:
        size = 0 if self.csv_file is None else os.fstat(self.csv_file.fileno()).st_size
        return {'keys': self.keys, 'size': size}

    def set_state(self, state: dict[str, Any]) -> None:
        self.keys, self._resumed_at = state['keys'], state['size']

    def _close(self) -> None:
        if self.csv_file is not None:
            self.csv_file.close()
        self.csv_file = None


def _cell(value: Any) -> Any:
    """A value as one cell: several numbers as a list in quotes."""
    if isinstance(value, str) or not isinstance(value, Iterable) or np.ndim(value) == 0:  # pyright: ignore[reportArgumentType]
        return value
    return f'"[{", ".join(map(str, value))}]"'
