"""What a cloud says of its machine: the region that it stands in and the type of the instance.

Asked only where the firmware (DMI) names the cloud and the user has said HEFTED_CLOUD_METADATA=on, once in a process
and for at most 0.3 s. The address is link-local: nothing leaves the host. No proxy is used and no redirection followed.

Sources: Amazon EC2, "Use the Instance Metadata Service" (IMDSv2); Microsoft, "Azure Instance Metadata Service"
(api-version 2021-02-01); Google, "About VM metadata".
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Literal, NamedTuple, cast, get_args

from hefted import settings

Provider = Literal['aws', 'azure', 'gcp']

ADDRESS = 'http://169.254.169.254'
LIMIT_SECONDS = 0.3
_MOST_BYTES = 64 * 1024
_REGION = re.compile(r'[a-z][a-z0-9-]{1,39}')
_INSTANCE = re.compile(r'[A-Za-z0-9][A-Za-z0-9._-]{1,63}')

Get = Callable[..., str]
"""Asks for a path, with headers and a method, and gives the answer's text."""


class Cloud(NamedTuple):
    """A cloud's machine.

    Attributes:
        region: Such as 'aws:us-west-2'.
        instance: Such as 'aws:p5.48xlarge', as HEFTED_INSTANCE takes it; None where the cloud did not say.
    """

    region: str
    instance: str | None = None


def provider(root: str = '/') -> Provider | None:
    """Tell which cloud the firmware says this machine is of; None on any other machine.

    Args:
        root: Where `sys` is (a constructed tree in tests).
    """
    from hefted.metering.firmware import read  # late: few ask

    named = read(root).provider
    return next((one for one in get_args(Provider) if one == named), None)


def ask(provider: Provider, address: str = ADDRESS, limit: float = LIMIT_SECONDS) -> Cloud | None:
    """Ask a cloud's metadata service.

    Args:
        provider: Which cloud it is.
        address: Of the service.
        limit: Seconds in all.

    Returns:
        What it said; None where no answer came in time, or not one that can be right.
    """
    answers: list[Cloud | None] = []

    def work() -> None:
        try:
            answers.append(_READERS[provider](_getter(address, limit)))
        except (OSError, ValueError, RecursionError, _Unusable):
            answers.append(None)

    # From a thread of its own: a server that sends a byte now and then keeps no time-out of a socket.
    thread = threading.Thread(target=work, name='hefted-cloud', daemon=True)
    thread.start()
    thread.join(limit)
    return answers[0] if answers else None


@cache  # once in a process
def this_cloud() -> Cloud | None:
    """Tell the cloud of this machine; None where it is none, it did not say, or the user has not allowed to ask."""
    if not settings.cloud_metadata():
        return None
    found = provider()
    return None if found is None else ask(found)


def region() -> str | None:
    """The region alone, such as 'aws:us-west-2'."""
    found = this_cloud()
    return found and found.region


def instance(provider: str) -> str | None:
    """The type of the instance alone, such as 'aws:p5.48xlarge', if this machine is that cloud's."""
    found = this_cloud()
    return found.instance if found and found.region.startswith(f'{provider}:') else None


class _Unusable(Exception):
    """An answer that is not what was asked for."""


def _aws(get: Get) -> Cloud:
    token = get('/latest/api/token', {'X-aws-ec2-metadata-token-ttl-seconds': '60'}, 'PUT').strip()
    document = _object(get('/latest/dynamic/instance-identity/document', {'X-aws-ec2-metadata-token': token}))
    return _cloud('aws', document.get('region'), document.get('instanceType'))


def _azure(get: Get) -> Cloud:
    compute = _object(get('/metadata/instance?api-version=2021-02-01', {'Metadata': 'true'})).get('compute')
    if not isinstance(compute, dict):
        raise _Unusable
    told = cast('dict[str, Any]', compute)
    return _cloud('azure', told.get('location'), told.get('vmSize'))


def _gcp(get: Get) -> Cloud:
    flavor = {'Metadata-Flavor': 'Google'}
    # projects/123/zones/us-west1-b: the region is the zone without its last part
    zone = get('/computeMetadata/v1/instance/zone', flavor).strip().rpartition('/')[2]
    kind = get('/computeMetadata/v1/instance/machine-type', flavor).strip().rpartition('/')[2]
    return _cloud('gcp', zone.rpartition('-')[0], kind)


_READERS: dict[Provider, Callable[[Get], Cloud]] = {'aws': _aws, 'azure': _azure, 'gcp': _gcp}


def _cloud(name: Provider, region: object, instance: object) -> Cloud:
    if not isinstance(region, str) or not _REGION.fullmatch(region):
        raise _Unusable
    known = isinstance(instance, str) and _INSTANCE.fullmatch(instance)
    return Cloud(f'{name}:{region}', f'{name}:{instance}' if known else None)


def _object(text: str) -> dict[str, Any]:
    found: object = json.loads(text)
    if not isinstance(found, dict):
        raise _Unusable
    return cast('dict[str, Any]', found)


def _getter(address: str, limit: float) -> Get:
    """Asks by http.client, which knows no proxies and follows no redirections."""
    from http.client import HTTPConnection, HTTPException
    from urllib.parse import urlsplit

    where = urlsplit(address)

    def get(path: str, headers: Mapping[str, str], method: str = 'GET') -> str:
        connection = HTTPConnection(where.hostname or '', where.port, timeout=limit)
        try:
            connection.request(method, path, headers=dict(headers))
            answer = connection.getresponse()
            body = answer.read(_MOST_BYTES + 1)
        except HTTPException as error:
            raise _Unusable from error
        finally:
            connection.close()
        if answer.status != 200 or len(body) > _MOST_BYTES:
            raise _Unusable
        return body.decode('utf-8')

    return get
