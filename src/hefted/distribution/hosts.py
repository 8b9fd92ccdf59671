"""What the processes of a world tell one another: small JSON, through the runtime's key-value store.

    hosts.meet('fit')                                                 # all make this call now, or all raise
    hosts.agree('the training', {'batch_size': 32, 'rows': 1000})     # raises the same on all where they differ
    everybody = hosts.gather({'loss': 0.3})                           # what each has told, by rank

Every process calls them, in the same order. A world of one agrees with itself.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

from hefted.distribution import together
from hefted.distribution.rendezvous import SIGN_SECONDS, ranks_told, say
from hefted.distribution.watch import Watch
from hefted.errors import HostsDifferError

_SECONDS = 300.0
_SLICE = 1.0  # of waiting, after which it is seen whether all live still
_DIFFERENCES = 6
_LONGEST = 80
_KEPT = 2  # of what was told, the last times

_calls: Counter[str] = Counter()


def gather(told: Any, what: str = 'gather', timeout: float = _SECONDS, shown: str = '') -> list[Any]:
    """Tell all, and hear all.

    Args:
        told: What this process tells, as JSON can; some kilobytes at most.
        what: What it is about: who tells of one thing waits for those who tell of the same.
        timeout: Seconds to wait for the others.
        shown: What is waited for, in words; `what` if empty.

    Returns:
        What each told, by rank.

    Raises:
        HostsDifferError: Somebody did not come to tell; it is named.
        HostLostError: Somebody is lost.

    Example:
        >>> gather({'rows': 3})
        [{'rows': 3}]
    """
    watch = together.watch()
    if watch is None:
        return [told]
    with together.waiting(watch):
        return [json.loads(text) for text in _exchange(watch, what, json.dumps(told), timeout, shown)]


def agree(
    what: str,
    told: Mapping[str, Any],
    timeout: float = _SECONDS,
    parts: Callable[[], Sequence[tuple[str, str]]] | None = None,
) -> None:
    """See that all processes have the same in hand; where not, all raise the same error.

    Args:
        what: Of what, such as 'the training'.
        told: What should be alike, by name; dictionaries in it are compared entry by entry.
        timeout: Seconds to wait for the others.
        parts: Where they differ: gives parts by name, in one order, of which those that differ are told as well.

    Raises:
        HostsDifferError: They differ: the message names in what, and which hosts. Or somebody did not come.
        HostLostError: Somebody is lost.

    Example:
        >>> agree('the training', {'batch_size': 32})
    """
    watch = together.watch()
    if watch is None:
        return
    wrong = difference(what, gather(dict(told), what, timeout), watch.hosts)
    if wrong is not None:
        refuse(what, wrong, parts, timeout)


def refuse(
    what: str,
    wrong: str,
    parts: Callable[[], Sequence[tuple[str, str]]] | None = None,
    timeout: float = _SECONDS,
) -> NoReturn:
    """Raise what all of them have seen; they tell of parts first.

    Args:
        what: Of what, such as 'the training'.
        wrong: In what they differ, the same in all.
        parts: As for `agree`.
        timeout: Seconds to wait for the others.

    Raises:
        HostsDifferError: Always.
    """
    watch = together.watch()
    closer = None
    if watch is not None and parts is not None:
        closer = _of_parts(gather([*parts()], f'{what}, closer', timeout), watch.hosts)
    raise HostsDifferError(wrong if closer is None else f'{wrong} {closer}', by_all=True)


def _of_parts(told: Sequence[Sequence[Sequence[str]]], hosts: Sequence[str]) -> str | None:
    names = [name for name, _ in told[0]]  # which may count otherwise elsewhere
    by_name = [dict(zip(names, (value for _, value in each), strict=False)) for each in told]
    return difference('these parts', by_name, hosts)


def meet(call: str, timeout: float = _SECONDS) -> None:
    """See that all processes make the same call now; where one makes another, all raise the same error.

    What computes on the devices of all waits for all: without this a process that alone evaluates would wait for ever.

    Args:
        call: What this process is about to do, such as 'fit'.
        timeout: Seconds to wait for the others.

    Raises:
        HostsDifferError: They make different calls, or somebody did not come.
        HostLostError: Somebody is lost.

    Example:
        >>> meet('evaluate')
    """
    watch = together.watch()
    if watch is None:
        return
    calls = gather(call, 'the next call', timeout, f'the same call, {call}')
    if len(set(calls)) > 1:
        raise HostsDifferError(
            f'The processes do not make the same call: {_shown(_sides(calls), watch.hosts)}. Each of these works on '
            'the devices of all and waits for all: make the same calls, in the same order, in every process.',
            by_all=True,
        )


def difference(what: str, told: Sequence[Any], hosts: Sequence[str]) -> str | None:
    """Tell in what processes differ, and who has what; None where they do not.

    Args:
        what: What they speak of.
        told: What each has told.
        hosts: The host of each.

    Example:
        >>> print(difference('the training', [{'rows': 8}, {'rows': 9}, {'rows': 8}], ['a', 'b', 'a']))
        The processes do not agree on the training: rows: 8 for ranks 0, 2 (host a), 9 for rank 1 (host b). Give \
all of them the same.
    """
    flat = [dict(_flat(each)) for each in told]
    names = list(dict.fromkeys(name for each in flat for name in each))
    sides = [(name, _sides([each.get(name, _MISSING) for each in flat])) for name in names]
    differing = [(name, side) for name, side in sides if len(side) > 1]
    if not differing:
        return None
    parts = [f'{name}: {_shown(side, hosts)}' for name, side in differing[:_DIFFERENCES]]
    more = f'; and {len(differing) - _DIFFERENCES} more' if len(differing) > _DIFFERENCES else ''
    return f'The processes do not agree on {what}: {"; ".join(parts)}{more}. Give all of them the same.'


def who_has(told: Sequence[Any]) -> str:
    """What each has told, and who they are.

    Args:
        told: By rank.
    """
    watch = together.watch()
    names = [''] * len(told) if watch is None else watch.hosts
    return _shown(_sides([json.dumps(each) for each in told]), names)


_MISSING = 'not told'


def _flat(told: Any, name: str = '') -> Iterator[tuple[str, str]]:
    if isinstance(told, Mapping):
        for key, value in told.items():
            yield from _flat(value, f'{name}.{key}' if name else str(key))
    else:
        yield name, json.dumps(told)


def _sides(values: Sequence[str]) -> dict[str, list[int]]:
    """Ranks by what they told, the largest party first."""
    sides: dict[str, list[int]] = {}
    for rank, value in enumerate(values):
        sides.setdefault(value, []).append(rank)
    return dict(sorted(sides.items(), key=lambda side: -len(side[1])))


def _shown(sides: Mapping[str, list[int]], hosts: Sequence[str]) -> str:
    told = [
        f'{value if len(value) <= _LONGEST else value[:_LONGEST] + "…"} for {together.who(ranks, hosts)}'
        for value, ranks in list(sides.items())[:_DIFFERENCES]
    ]
    return ', '.join(told)


def _exchange(
    watch: Watch, what: str, told: str, timeout: float, shown: str = '', sign: float = SIGN_SECONDS
) -> list[str]:
    """Tell the others, and wait for each."""
    _calls[what] += 1
    number = _calls[what]
    folder = f'hefted/told/{what}/{number}/'
    watch.check()
    if number > _KEPT:  # who tells again has heard all of the last time, so all have heard those of the time before
        watch.store.drop(f'hefted/told/{what}/{number - _KEPT}/{watch.world.rank}')
    watch.store.put(f'{folder}{watch.world.rank}', told)
    until = time.monotonic() + timeout
    says = time.monotonic() + sign
    heard: list[str] = []
    while len(heard) < watch.world.size:
        left = until - time.monotonic()
        found = _wait(watch, f'{folder}{len(heard)}', min(max(left, 0.001), _SLICE))
        if found is None and time.monotonic() >= says:
            says = until + timeout
            _say_for_whom(watch, shown or what, folder, len(heard), timeout)
        if found is not None:  # whoever has told may have ended since: all are to raise the same
            heard.append(found)
            continue
        watch.check()
        if left <= 0:
            raise _absent(watch, shown or what, folder, timeout)
    return heard


def _wait(watch: Watch, key: str, seconds: float) -> str | None:
    try:
        return watch.store.get(key, seconds)
    except Exception:  # the coordinator does not answer: the watch will say who that was
        watch.suspect(15.0)
        watch.check()
        raise


def _say_for_whom(watch: Watch, what: str, folder: str, heard: int, timeout: float) -> None:
    """One says it for all: rank 0, or rank 1 where it is rank 0 who is waited for."""
    if watch.world.rank == (0 if heard else 1):
        missing = together.who(_came(watch, folder)[1], watch.hosts)
        say(f'rank {watch.world.rank} waits for {missing} to come to {what} (up to {timeout:.0f} s)')


def _came(watch: Watch, folder: str) -> tuple[set[int], list[int]]:
    """Who has told, and who has not."""
    came = {int(key.rpartition('/')[2]) for key in watch.store.below(folder)}
    return came, [rank for rank in range(watch.world.size) if rank not in came]


def _absent(watch: Watch, what: str, folder: str, timeout: float) -> HostsDifferError:
    came, missing = _came(watch, folder)
    return HostsDifferError(
        f'{together.who(missing, watch.hosts)} did not come to agree on {what} within {timeout:.0f} s, as '
        f'{ranks_told(sorted(came))} did. All processes have to make the same calls in the same order.'
    )
