"""How the processes find one another before JAX's runtime starts, so that whatever is wrong is said and not aborted on.

Where a process never comes, comes twice or counts the others otherwise, JAX's coordination service ends all of them by
SIGABRT after its timeout, with a stack and no name; where its port is taken it ends by SIGSEGV (JAX 0.10 and 0.12).
So they meet here first, at the same address: each tells rank 0 who it is in one line of JSON, rank 0 waits until all
are there, and tells each of all, or what is wrong. Then the port is JAX's.

No more is secret or trusted here than there: both belong into a network of one's own.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from hefted.errors import DistributionError, HostsDifferError
from hefted.world import COORDINATOR, World, address

_HELLO = 'hefted'
_MOST_BYTES = 1 << 20  # of a line
_RETRY_SECONDS = 0.1
SIGN_SECONDS = 10.0  # of waiting, after which it is said for whom
_SHOWN = 8

Told = Mapping[str, Any]
Verdict = Callable[[list[Told]], str | None]


def meet(world: World, told: Told, timeout: float, verdict: Verdict | None = None, sign: float = SIGN_SECONDS) -> Any:
    """Tell all others of this process, and learn of them.

    Args:
        world: Who this is, and where rank 0 waits.
        told: What it tells of itself, as JSON can.
        timeout: Seconds to wait for the others.
        verdict: What rank 0 finds wrong in what all have told, in a sentence; None for nothing.
        sign: Seconds after which it is said on the standard error stream for whom is waited.

    Returns:
        What each has told, by rank.

    Raises:
        DistributionError: Some did not come in time, or the address is not rank 0's.
        HostsDifferError: They do not agree on how many they are, or the verdict was against them; on all that came.
    """
    own = {**told, 'hello': _HELLO, 'rank': world.rank, 'size': world.size}
    until = time.monotonic() + timeout
    if world.rank != 0:
        return _ask(world, own, until, timeout, sign)
    return _wait_for_others(world, own, until, timeout, verdict, sign)


def say(text: str) -> None:
    """A line for who watches this process, such as that it waits."""
    print(f'hefted: {text}', file=sys.stderr, flush=True)


def _wait_for_others(
    world: World, own: Told, until: float, timeout: float, verdict: Verdict | None, sign: float
) -> list[Told]:
    came: dict[int, Told] = {0: own}
    with _listening(world) as listener, selectors.DefaultSelector() as ready:
        listener.setblocking(False)
        ready.register(listener, selectors.EVENT_READ, None)
        lines: dict[socket.socket, bytes] = {}
        wrong, says = '', time.monotonic() + sign
        try:
            while len(came) < world.size and not wrong and (left := until - time.monotonic()) > 0:
                if time.monotonic() >= says:
                    says = until
                    say(f'rank 0 waits at {world.coordinator} for {_not_come(came, world)} (up to {timeout:.0f} s)')
                for key, _ in ready.select(min(left, max(says - time.monotonic(), 0.0))):
                    if key.fileobj is listener:
                        _take(listener, ready, lines)
                    else:
                        wrong = wrong or _hear(key.fileobj, ready, lines, came, world)  # type: ignore[arg-type]
            error = _judged(wrong, came, world, timeout, verdict)
            missing = not isinstance(error, HostsDifferError)
            reply = {'error': str(error), 'missing': missing} if error else {'all': _by_rank(came)}
            for each in lines:
                _send(each, reply)
        finally:
            for each in lines:
                each.close()
    if error is not None:
        raise error
    return _by_rank(came)


def _by_rank(came: Mapping[int, Told]) -> list[Told]:
    return [came[rank] for rank in sorted(came)]


def _judged(
    wrong: str,
    came: Mapping[int, Told],
    world: World,
    timeout: float,
    verdict: Verdict | None,
) -> DistributionError | None:
    if wrong:
        return HostsDifferError(wrong)
    if len(came) < world.size:
        return _missing(came, world, timeout)
    against = verdict(_by_rank(came)) if verdict else None
    return None if against is None else HostsDifferError(against)


def _listening(world: World) -> socket.socket:
    host, port = address(world.coordinator or '', COORDINATOR)
    try:
        if socket.has_dualstack_ipv6():
            return socket.create_server(('', port), family=socket.AF_INET6, backlog=1024, dualstack_ipv6=True)
        return socket.create_server(('', port), backlog=1024)
    except OSError as error:
        raise DistributionError(
            f'Rank 0 cannot wait for the others at {host}:{port}: {error.strerror}. Expected a port that is free on '
            f'this host; another job of yours may have it. Set {COORDINATOR} to another, for all processes.'
        ) from error


def _take(listener: socket.socket, ready: selectors.BaseSelector, lines: dict[socket.socket, bytes]) -> None:
    try:
        connection, _ = listener.accept()
    except OSError:  # it has gone already
        return
    connection.setblocking(False)
    lines[connection] = b''
    ready.register(connection, selectors.EVENT_READ, None)


def _hear(
    connection: socket.socket,
    ready: selectors.BaseSelector,
    lines: dict[socket.socket, bytes],
    came: dict[int, Told],
    world: World,
) -> str:
    """Read on; what is wrong with who speaks, in a sentence, or nothing. Strangers are let go without a word."""
    try:
        read = connection.recv(65536)
    except BlockingIOError:
        return ''
    except OSError:
        read = b''
    lines[connection] += read
    whole = lines[connection].endswith(b'\n')
    if read and not whole and len(lines[connection]) < _MOST_BYTES:
        return ''
    ready.unregister(connection)
    who = _parsed(lines[connection]) if whole else None
    if who is None:
        del lines[connection]
        connection.close()
        return ''
    return _enter(who, came, world)


def _parsed(line: bytes) -> Any:
    try:
        told = json.loads(line)
    except ValueError:
        return None
    fine = isinstance(told, dict) and told.get('hello') == _HELLO
    return told if fine and isinstance(told.get('rank'), int) and isinstance(told.get('size'), int) else None


def _enter(who: Told, came: dict[int, Told], world: World) -> str:
    rank, size = who['rank'], who['size']
    if size != world.size:
        return (
            f'The processes do not agree on how many they are: rank 0 ({name_of(came[0])}) was told {world.size}, '
            f'rank {rank} ({name_of(who)}) {size}. Start all of them with the same count.'
        )
    if rank in came:
        return (
            f'Two processes say that they are rank {rank}: {name_of(came[rank])} and {name_of(who)}. '
            f'Expected each number from 0 to {size - 1} once.'
        )
    came[rank] = who
    return ''


def name_of(who: Told) -> str:
    """Where a process runs, for people: its host and process number.

    Example:
        >>> name_of({'host': 'node3', 'pid': 17})
        'host node3, process 17'
    """
    return f'host {who.get("host", "unknown")}, process {who.get("pid", "unknown")}'


def _missing(came: Mapping[int, Told], world: World, timeout: float) -> DistributionError:
    hosts = ', '.join(sorted({str(each.get('host')) for each in came.values()}))
    return DistributionError(
        f'After {timeout:.0f} s {len(came)} of {world.size} processes have come (from {hosts}); missing: '
        f'{_not_come(came, world)}. See whether these were started, and '
        f'whether their hosts reach {world.coordinator}.'
    )


def _not_come(came: Mapping[int, Told], world: World) -> str:
    return ranks_told([rank for rank in range(world.size) if rank not in came])


def ranks_told(ranks: list[int]) -> str:
    """Ranks as people read them.

    Example:
        >>> ranks_told([3]), ranks_told([1, 2]), ranks_told(list(range(20)))
        ('rank 3', 'ranks 1, 2', 'ranks 0, 1, 2, 3, 4, 5, 6, 7 and 12 more')
    """
    more = f' and {len(ranks) - _SHOWN} more' if len(ranks) > _SHOWN else ''
    return f'rank{"" if len(ranks) == 1 else "s"} {", ".join(map(str, ranks[:_SHOWN]))}{more}'


def _send(connection: socket.socket, told: Told) -> None:
    try:
        connection.settimeout(5.0)
        connection.sendall(json.dumps(told).encode() + b'\n')
    except OSError:  # it has gone; the others will hear of it when they miss it
        return


def _ask(world: World, own: Told, until: float, timeout: float, sign: float) -> list[Told]:
    host, port = address(world.coordinator or '', COORDINATOR)
    why, says = 'no answer', time.monotonic() + sign
    while (left := until - time.monotonic()) > 0:
        if world.rank == 1 and time.monotonic() >= says:  # one for all: rank 0, who would say it, is not there
            says = until
            say(f'rank 1 does not yet find rank 0 at {world.coordinator}: {why} (it tries for up to {timeout:.0f} s)')
        try:
            # Rank 0 answers last of all, when it has waited as long as this one does: a little more, then.
            with socket.create_connection((host, port), timeout=min(left, 5.0)) as connection:
                connection.sendall(json.dumps(own).encode() + b'\n')
                answer = _answer(connection, left + 5.0)
        except OSError as error:  # it is not there yet, or its name is not yet known
            why, answer = str(error.strerror or error), None
        if answer is not None:
            return _understood(answer)
        time.sleep(_RETRY_SECONDS)
    raise DistributionError(
        f'Rank {world.rank} did not find rank 0 at {world.coordinator} in {timeout:.0f} s: {why}. Expected the address '
        f'of the host of rank 0 (as {world.by} tells it), reachable from {socket.gethostname()}. See whether rank 0 '
        f'was started; set {COORDINATOR} to where it runs.'
    )


def _answer(connection: socket.socket, seconds: float) -> Any:
    """What rank 0 says; None where who listens says nothing of the kind: the service of a former run, perhaps."""
    connection.settimeout(seconds)
    line = b''
    while not line.endswith(b'\n'):
        read = connection.recv(1 << 16)
        if not read:
            return None
        line += read
    try:
        told = json.loads(line)
    except ValueError:
        return None
    return told if isinstance(told, dict) and ('all' in told or 'error' in told) else None


def _understood(answer: Told) -> list[Told]:
    if 'error' in answer:
        kind = DistributionError if answer.get('missing') else HostsDifferError
        raise kind(answer['error'])
    return answer['all']
