"""Asks a service for JSON: briefly, for no more than it may send, and telling no key when it fails."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn, cast
from urllib.parse import urlsplit

from hefted.errors import ArgumentError

if TYPE_CHECKING:
    import httpx

_CONNECT_SECONDS = 2.0
_SECONDS = 5.0
_LONGEST_WAIT_SECONDS = 24 * 3600.0


class Unanswered(Exception):
    """A service gave no answer that can be used.

    Attributes:
        reason: One sentence for a person, without the key, the address or the position.
        wait: Seconds that the service asks to be left alone, if it does.
        refused: Whether it refused the key, which asking again later does not mend.
    """

    def __init__(self, reason: str, wait: float | None = None, *, refused: bool = False):
        super().__init__(reason)
        self.reason = reason
        self.wait = wait
        self.refused = refused


class Web:
    """A service that answers with JSON.

    Args:
        name: What it is called, in a sentence.
        address: Where it is, such as 'https://api.watttime.org'.
        seconds: How long it may take in all (a read that is under way when they pass may take as long again).
        most_bytes: How much it may send.
    """

    def __init__(self, name: str, address: str, *, seconds: float = _SECONDS, most_bytes: int = 2**20):
        self.name = name
        self.address = address
        self._seconds = seconds
        self._most_bytes = most_bytes

    def get(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        basic: tuple[str, str] | None = None,
    ) -> object:
        """Ask for a path.

        Args:
            path: Such as '/v3/forecast'.
            query: What stands behind the question mark.
            headers: What is sent besides.
            basic: User and password, for HTTP's basic authentication.

        Returns:
            What the answer's JSON holds.

        Raises:
            Unanswered: If httpx is not installed, no answer comes in time, or it is not a success with JSON. No
                redirection is followed.
        """
        try:
            import httpx
        except ImportError:
            raise Unanswered('httpx is not installed: pip install "hefted[live]".') from None

        here = urlsplit(self.address).hostname in ('localhost', '127.0.0.1', '::1')
        timeout = httpx.Timeout(self._seconds, connect=min(self._seconds, _CONNECT_SECONDS))
        # Not compressed, so that what a small answer unfolds to need not be feared.
        sent = {'Accept': 'application/json', 'Accept-Encoding': 'identity', **(headers or {})}
        try:
            with (
                _unlogged(),
                httpx.Client(timeout=timeout, follow_redirects=False, trust_env=not here) as client,
                client.stream('GET', self.address + path, params=query, headers=sent, auth=basic) as answer,
            ):
                self._check(answer)
                return self._json(self._body(answer))
        except httpx.TimeoutException:
            raise self._late() from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            # By its type alone: an error's text may hold the address, and with it a key.
            raise Unanswered(f'{self.name} cannot be reached ({type(error).__name__}).') from None

    def _check(self, answer: httpx.Response) -> None:
        status = answer.status_code
        if status in (401, 403):
            raise Unanswered(f'{self.name} refused the key (status {status}).', refused=True)
        if status == 429:
            wait = _seconds_in(answer.headers.get('Retry-After', ''))
            raise Unanswered(f'{self.name} has been asked too often (status 429).', wait)
        if status != 200:
            wait = _seconds_in(answer.headers.get('Retry-After', ''))
            raise Unanswered(f'{self.name} answered with status {status}.', wait)

    def _body(self, answer: httpx.Response) -> bytes:
        begun, body = time.monotonic(), b''
        for part in answer.iter_raw():
            body += part
            if len(body) > self._most_bytes:
                raise Unanswered(f'{self.name} sent more than {self._most_bytes >> 20} MB.')
            if time.monotonic() - begun > self._seconds:
                raise self._late()
        return body

    def _json(self, body: bytes) -> object:
        try:
            return json.loads(body.decode('utf-8'), parse_constant=_refuse, parse_int=float)
        except (ValueError, RecursionError):
            raise Unanswered(f'{self.name} sent what is not JSON.') from None

    def _late(self) -> Unanswered:
        return Unanswered(f'{self.name} did not answer within {self._seconds:g} s.')


def field(answer: object, *path: str | int) -> object:
    """What lies at a path in an answer; None where nothing does.

    Example:
        >>> field({'data': [{'value': 5}]}, 'data', 0, 'value')
        5
    """
    for step in path:
        if isinstance(step, int):
            items = cast('list[object]', answer) if isinstance(answer, list) else []
            answer = items[step] if step < len(items) else None
        else:
            answer = cast('dict[str, object]', answer).get(step) if isinstance(answer, dict) else None
    return answer


def rows(answer: object, *path: str | int) -> list[object]:
    """The rows that lie at a path in an answer; none where no list does.

    Example:
        >>> rows({'data': [1, 2]}, 'data')
        [1, 2]
    """
    found = field(answer, *path)
    return cast('list[object]', found) if isinstance(found, list) else []


def _refuse(word: str) -> NoReturn:
    raise ValueError(word)  # NaN and Infinity are no JSON


def _seconds_in(header: str) -> float | None:
    """What Retry-After says: seconds, or a date (RFC 9110, 10.2.3)."""
    if header.strip().isdecimal():
        return min(float(header), _LONGEST_WAIT_SECONDS)
    from email.utils import parsedate_to_datetime

    try:
        wait = parsedate_to_datetime(header).timestamp() - time.time()
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(wait, 0.0), _LONGEST_WAIT_SECONDS)


@contextmanager
def _unlogged() -> Generator[None]:
    """Httpx logs each address that it asks for, and with it a position, or a key: not those of this thread."""
    mine, logger = threading.get_ident(), logging.getLogger('httpx')

    def others(record: logging.LogRecord) -> bool:
        return record.thread != mine

    logger.addFilter(others)
    try:
        yield
    finally:
        logger.removeFilter(others)


def safe_address(variable: str, address: str) -> str:
    """An address to which a key may be sent.

    Args:
        variable: Where it was said.
        address: Of a service.

    Raises:
        ArgumentError: If it is not https:// (or http:// on this machine).

    Example:
        >>> safe_address('HEFTED_GRID_URL', 'https://example.org/')
        'https://example.org'
    """
    found = urlsplit(address)
    here = found.hostname in ('localhost', '127.0.0.1', '::1')
    if not found.hostname or not (found.scheme == 'https' or (found.scheme == 'http' and here)):
        raise ArgumentError(
            f'{variable}: expected an address that begins with https://, received {address!r}. '
            'A key would be sent in the clear; http:// is for this machine alone.'
        )
    return address.rstrip('/')
