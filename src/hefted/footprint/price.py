"""What a run costs: what was said, or a cloud's list price of the instance that was named.

- HEFTED_PRICE (key `price`) says it: '1.20 USD/h' for the machine, or '0.30 USD/kWh' for its electricity.
- HEFTED_INSTANCE (key `instance`) names the cloud's instance: 'aws:p4d.24xlarge'. The table holds on-demand list prices
  of 2023 and 2024 in one region: stale by design, so assumed, and wider by the year. (An H100 instance listed
  at 98.32 USD/h in 2023 cost 31 to 55 two years later; other regions cost up to 1.4 times as much.)

A price of the machine that was said stands before the list's. Where nothing is known, nothing is told.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from hefted.errors import ArgumentError
from hefted.footprint.tables import cited, table
from hefted.quantities import Quantity, Source

_NUMBER = r'([0-9]*\.?[0-9]+(?:e[-+]?[0-9]+)?)'
_FORM = rf'(?:(?:usd|\$) *{_NUMBER}|{_NUMBER} *(?:usd|\$)) *(?:/|per ) *(kwh|h|hour)'
_INSTANCE = r'[a-z0-9-]+:[^\s:]+'
_FALLS = 0.75  # a year, at most
_REGIONS = 1.4


class Prices(NamedTuple):
    """What a run is priced by in money; None where nothing is known.

    Attributes:
        machine: USD/h of the machine.
        electricity: USD/kWh.
    """

    machine: Quantity | None = None
    electricity: Quantity | None = None


def prices(
    said: str | None, instance: str | None, year: int, names: tuple[str, str] = ('HEFTED_PRICE', 'HEFTED_INSTANCE')
) -> Prices:
    """Tell what the machine and its electricity cost.

    Args:
        said: What the user says it costs.
        instance: The cloud's instance, as the user names it.
        year: This year: a list price is as uncertain as it is old.
        names: Where the two were said, for an error message.

    Raises:
        ArgumentError: If either cannot be read.

    Example:
        >>> prices('0.30 USD/kWh', None, 2026).electricity.value
        0.3
        >>> str(prices(None, 'aws:p5.48xlarge', 2026).machine)
        '98 USD/h (41 to 138, assumed)'
    """
    told = None if said is None else parse(said, names[0])
    listed = None if instance is None else list_price(instance, year, names[1])
    if told is not None and told.unit == 'USD/kWh':
        return Prices(listed, told)
    return Prices(told or listed)


def parse(said: str, name: str = 'price') -> Quantity:
    """Read a price.

    Args:
        said: Such as '1.20 USD/h', '$0.30/kWh'.
        name: What it is called in an error message.

    Raises:
        ArgumentError: If it is not dollars per hour or per kWh, or is 0.

    Example:
        >>> str(parse('$1.20 per hour'))
        '1.2 USD/h'
    """
    found = re.fullmatch(_FORM, ' '.join(said.lower().split()))
    value = float(found[1] or found[2]) if found else 0.0
    if found is None or not 0 < value < math.inf:
        raise ArgumentError(
            f"{name}: expected a price above 0 such as '1.20 USD/h' or '0.30 USD/kWh', received {said!r}. "
            'Write other money in dollars; unset it where the price is not known.'
        )
    unit = 'USD/kWh' if found[3] == 'kwh' else 'USD/h'
    return Quantity(value, unit, sources=(Source('price', f'As said in {name}', None, None, 'own'),))


_TARIFFS = {'prices-aws-blocks': 'reserved for days', 'prices-azure': 'pay as you go', 'prices-aws': 'on demand'}


def tariff(instance: str) -> str:
    """By which tariff, and of when, a cloud's instance has its list price, in parentheses: they are not of one kind.

    Args:
        instance: One that has a list price.

    Returns:
        Nothing of a price that a person's own table has without saying so.

    Example:
        >>> tariff('aws:p5.48xlarge'), tariff('aws:p5e.48xlarge')
        (' (on demand 2023)', ' (reserved for days 2024)')
    """
    row = table('prices')[instance]
    told = ' '.join(filter(None, (_TARIFFS.get(row['source'], ''), row['year'])))
    return f' ({told})' if told else ''


def list_price(instance: str, year: int, name: str = 'instance') -> Quantity | None:
    """Tell the list price of a cloud's instance.

    Args:
        instance: Such as 'aws:p4d.24xlarge' or 'azure:NC24ads A100 v4'.
        year: This year.
        name: What it is called in an error message.

    Returns:
        'USD/h', assumed; None for one that the table does not hold.

    Raises:
        ArgumentError: If it is not a provider and an instance's name.
    """
    key = re.sub(r'[\s_]+', '_', instance.strip().lower()).replace(':standard_', ':')
    if not re.fullmatch(_INSTANCE, key):
        raise ArgumentError(
            f"{name}: expected a cloud and its instance, such as 'aws:p4d.24xlarge', received {instance!r}. "
            'Write the provider before a colon.'
        )
    row = table('prices').get(key)
    if row is None:
        return None
    value = float(row['usd_per_hour'])
    low = value * _FALLS ** max(year - int(row['year'] or year), 0)
    source = cited(row, f'price:{key}', f'{row["region"]} as of {row["date"]}')
    return Quantity.between(value, low, value * _REGIONS, 'USD/h', basis='assumed', source=source)
