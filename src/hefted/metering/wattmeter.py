"""A wattmeter that the user names in HEFTED_WATTMETER (or `wattmeter` in config.toml), with no code.

    /run/plug/watts                                     a file that holds watts
    file:/run/plug/total kWh                            a file that holds a total, in the unit behind it
    http://plug.local/status#emeters.0.power            JSON of a plug on the network, and the way to the figure in it
    http://plug.local/rpc/Switch.GetStatus?id=0#apower  (Shelly, second generation)
    http://plug.local/cm?cmnd=Status%208#StatusSNS.ENERGY.Power  (Tasmota)

The unit is W where none is told; a power is W, mW or kW, a total J, Wh or kWh. It is taken to measure the whole
machine. It is asked about once a second while a run is open, because the user set it, and nothing else is ever asked:
proxies and redirects are not followed. What is wrong with it becomes a gap that names the setting, and never stops a
run.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from hefted.metering.polled import Polled
from hefted.metering.sensor import SensorError, measured
from hefted.quantities import Source

TRIED_ON = ''
NAME = 'wattmeter'

SOURCE = Source('wattmeter', "The user's own meter; 5 % assumed", None, None, 'fact')
_POWERS = {'W': 1.0, 'mW': 1e-3, 'kW': 1e3}
_TOTALS = {'J': 1.0, 'Wh': 3.6e3, 'kWh': 3.6e6}
_EXPECTED = (
    "a file, such as '/run/plug/watts', or an address with the way to the figure, such as "
    "'http://plug.local/status#emeter.power'; behind it a unit where it is not W (mW, kW, J, Wh, kWh)"
)
_TIMEOUT_SECONDS = 2.0
_MOST_BYTES = 65_536


def from_setting(variable: str, value: str) -> Polled:
    """Make the sensor that a setting describes.

    Args:
        variable: What the setting is called, for error messages.
        value: What it says.

    Raises:
        SensorError: If it describes none: names the setting and what was expected. It does not repeat the value, which
            may hold a password.

    Example:
        >>> from_setting('HEFTED_WATTMETER', '/run/plug/total kWh').name
        'wattmeter'
    """
    where, unit = _split(value)
    if unit not in _POWERS and unit not in _TOTALS:
        raise SensorError(f'{variable}: expected {_EXPECTED}; received the unit {unit!r}.')
    told = _http(variable, where) if where.startswith(('http://', 'https://')) else _file(variable, where)
    factor = (_POWERS | _TOTALS)[unit]
    return Polled(NAME, lambda: told() * factor, accuracy=measured(SOURCE, 0.05), counter=unit in _TOTALS)


def _split(value: str) -> tuple[str, str]:
    where, space, unit = value.strip().rpartition(' ')
    return (where.rstrip(), unit) if space else (value.strip(), 'W')


def _file(variable: str, where: str) -> Callable[[], float]:
    path = where.removeprefix('file://').removeprefix('file:')
    if not os.path.isabs(path):  # noqa: PTH117 (pathlib costs a start)
        raise SensorError(f'{variable}: expected {_EXPECTED}; received neither an absolute path nor an address.')
    return partial(_read_file, variable, path)


def _read_file(variable: str, path: str) -> float:
    try:
        with open(path, encoding='ascii', errors='replace') as file:  # noqa: PTH123
            return _number(variable, file.read(64).strip())
    except FileNotFoundError:
        raise SensorError(f'{variable}: expected a file that holds a number, but there is none.') from None
    except OSError as error:
        raise SensorError(f'{variable}: the file cannot be read: {error.strerror}.') from None


def _http(variable: str, where: str) -> Callable[[], float]:
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(where)
    if not parts.hostname or not parts.fragment:
        raise SensorError(
            f'{variable}: expected {_EXPECTED}; received an address without {"a host" if parts.fragment else "#key"}.'
        )
    address = parts._replace(fragment='', netloc=parts.netloc.rpartition('@')[2]).geturl()
    login = (unquote(parts.username), unquote(parts.password or '')) if parts.username else None
    return partial(_read_http, variable, address, unquote(parts.fragment).split('.'), login)


def _read_http(variable: str, address: str, keys: list[str], login: tuple[str, str] | None) -> float:
    import json

    try:
        answer: Any = json.loads(_fetched(address, login))
    except ValueError:
        raise SensorError(f'{variable}: expected JSON, received something else.') from None
    except OSError as error:  # URLError, HTTPError and timeouts are kinds of it
        raise SensorError(f'{variable}: it cannot be asked: {getattr(error, "reason", error)}.') from None
    return _number(variable, _found(variable, answer, keys))


def _found(variable: str, answer: Any, keys: list[str]) -> Any:
    """What lies in JSON behind some keys; a number counts in a list."""
    for at, key in enumerate(keys):
        try:
            answer = answer[int(key) if isinstance(answer, list) else key]
        except (KeyError, IndexError, ValueError, TypeError):
            names = cast('dict[str, Any]', answer) if isinstance(answer, dict) else ['nothing with a name']
            known = ', '.join(names)[:200]
            raise SensorError(
                f'{variable}: the answer has no {".".join(keys[: at + 1])!r}; there is {known}.'
            ) from None
    return answer


def _fetched(address: str, login: tuple[str, str] | None) -> bytes:
    from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

    class Stay(HTTPRedirectHandler):
        def redirect_request(self, *args: Any, **named: Any) -> None:
            del args, named  # only what the user named is asked

    request = Request(address)
    if login is not None:
        import base64

        request.add_header('Authorization', 'Basic ' + base64.b64encode(':'.join(login).encode()).decode())
    with build_opener(ProxyHandler({}), Stay()).open(request, timeout=_TIMEOUT_SECONDS) as answer:
        return answer.read(_MOST_BYTES)


def _number(variable: str, found: Any) -> float:
    try:
        if isinstance(found, bool) or not isinstance(found, int | float | str):
            raise ValueError
        return float(found)
    except ValueError:
        raise SensorError(f'{variable}: expected a number, received {str(found)[:40]!r}.') from None
