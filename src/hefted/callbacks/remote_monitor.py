"""`RemoteMonitor`: each epoch's logs, sent to a server that the user names."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np

from hefted.callbacks.callback import Callback, Logs

_SECONDS = 10.0  # a server that does not answer may cost an epoch so much and no more


class RemoteMonitor(Callback):
    """Post each epoch's logs as JSON; a server that cannot be reached is a warning.

    Args:
        root: The server, such as 'http://localhost:9000'.
        path: Appended to it.
        field: The form's field that holds the JSON.
        headers: More HTTP headers.
        send_as_json: Whether the body is the JSON itself ('application/json') and not a form.
    """

    reads_state = False
    once = True

    def __init__(
        self,
        root: str = 'http://localhost:9000',
        path: str = '/publish/epoch/end/',
        field: str = 'data',
        headers: dict[str, str] | None = None,
        send_as_json: bool = False,
    ) -> None:
        super().__init__()
        self.root, self.path, self.field = root, path, field
        self.headers, self.send_as_json = headers, send_as_json

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        from urllib import error, parse, request  # late: few programs send anything

        told = {'epoch': epoch} | {name: _plain(value) for name, value in (logs or {}).items()}
        text = json.dumps(told)
        kind = 'application/json' if self.send_as_json else 'application/x-www-form-urlencoded'
        body = text if self.send_as_json else parse.urlencode({self.field: text})
        try:
            if parse.urlsplit(self.root).scheme not in ('http', 'https'):
                raise ValueError('only http and https are spoken')
            post = request.Request(
                self.root + self.path, body.encode(), {'Content-Type': kind} | (self.headers or {}), method='POST'
            )
            with request.urlopen(post, timeout=_SECONDS):
                pass
        except error.HTTPError as answer:  # it was reached, and says what it thinks
            answer.close()
        except (OSError, ValueError) as reason:
            warnings.warn(f'Could not reach RemoteMonitor root server at {self.root} ({reason}).', stacklevel=2)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, (np.ndarray, np.generic)) else value
