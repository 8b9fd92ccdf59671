"""What is trained and how its house is cooled, as the options of `hefted forecast` and `hefted compare` say it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from hefted.cli.numbers import number
from hefted.errors import ArgumentError

if TYPE_CHECKING:
    from hefted.forecast.shapes import Shape

_KINDS = {'decoder': 'decoder', 'encoder': 'encoder', 'both': 'encoder-decoder'}
_ANY = TypeVar('_ANY', bound=Callable[..., Any])


class Work(NamedTuple):
    """What is trained; None is what nobody said.

    Attributes:
        params: Parameters of the model.
        config: Its config.json, or the folder of that.
        tokens: In all.
        seq: Tokens of one sequence.
        active: Parameters that one token passes.
        kind: 'decoder', 'encoder' or 'both'.
    """

    params: float | None = None
    config: str | None = None
    tokens: float | None = None
    seq: int | None = None
    active: float | None = None
    kind: str | None = None

    @property
    def told(self) -> bool:
        """Whether anything of it was said."""
        return any(each is not None for each in self)

    def plan(self) -> dict[str, Any]:
        """What `plan_of` takes of it.

        Raises:
            ArgumentError: If parameters or tokens are missing, or are said twice; or the config cannot be read.
        """
        if (self.params is None) == (self.config is None):
            raise ArgumentError(
                'Expected --params or --config, one of the two. Give the number of parameters, such as 340M.'
            )
        if self.config is not None and self.kind is not None:
            raise ArgumentError('--kind: expected with --params, received with --config, which tells it. Leave it out.')
        if self.tokens is None:
            raise ArgumentError('--tokens: expected how many it is trained on, received none. Such as --tokens 137B.')
        said = {'parameters': self.params, 'tokens': self.tokens, 'active': self.active, 'sequence_length': self.seq}
        return {name: value for name, value in said.items() if value is not None} | {'shape': self.shape()}

    def shape(self) -> Shape:
        """The model's shape, as far as it was said."""
        from hefted.forecast.planning import named_shape  # late: its tables
        from hefted.forecast.shapes import Shape, shape_of_config

        if self.config is None:
            kind = _KINDS[self.kind or 'decoder']
            return Shape(sequence_length=self.seq, kind=kind, parameters=round(self.params or 0))  # pyright: ignore[reportArgumentType]
        return named_shape(shape_of_config(self.config), self.seq)


def of_work(command: _ANY) -> _ANY:
    """Give a command the options of `Work`."""
    options = (
        click.option('--params', type=number, metavar='NUMBER', help='Parameters of the model, such as 340M or 340e6.'),
        click.option(
            '--config', metavar='FILE', help="The model's config.json (or its folder): counts parameters, runs no code."
        ),
        click.option('--tokens', type=number, metavar='NUMBER', help='Tokens in all, each pass counted.'),
        click.option('--seq', type=click.IntRange(1), help='Tokens of one sequence.'),
        click.option(
            '--active', type=number, metavar='NUMBER', help='Of a mixture of experts: parameters a token passes.'
        ),
        click.option('--kind', type=click.Choice(list(_KINDS)), help='Blocks: both is an encoder with a decoder.'),
    )
    for option in reversed(options):
        command = option(command)
    return command


def of_house(command: _ANY) -> _ANY:
    """Give a command the option of the house's overhead."""
    return click.option(
        '--pue',
        type=number,
        metavar='NUMBER',
        help="Energy of the data centre over its machines' (1.1), where you know it.",
    )(command)
