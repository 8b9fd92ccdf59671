"""Before processes train together: see that all have the same model, data and seeds in hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hefted.callbacks.callback import CallbackList
from hefted.data.source import Source
from hefted.distribution import hosts, lead
from hefted.models import comparing, parts, same_weights
from hefted.models.identity import identity_of, rate_of
from hefted.train.binding import Binding

if TYPE_CHECKING:
    from hefted.budget import Limit
    from hefted.models.governing import Wish
    from hefted.models.model import Model


def meet(call: str, callbacks: Any, limits: Sequence[Limit], when: Wish | None, **arguments: Any) -> None:
    """See that all processes call `fit` now, with arguments that lead to the same steps.

    Args:
        call: `fit`, and on what kinds of data.
        callbacks: As for `fit`; those that rank 0 alone is to call (`Callback.once`) may be given to it alone.
        limits: Of the budget that `fit` was given.
        when: What `fit` was asked to wait for.
        **arguments: Others of `fit`, numbers or sets of them.

    Raises:
        HostsDifferError: The message names what differs, and who has what.
    """
    lead.meet(call)
    told = {
        **{
            name: value if value is None or isinstance(value, int) else list(value) for name, value in arguments.items()
        },
        'callbacks': [type(each).__name__ for each in CallbackList(callbacks).callbacks if not each.once],
        'budget': [str(limit) for limit in limits],
        'when': None if when is None else str(when.when),
    }
    hosts.agree('the arguments of fit', told)


def agree(model: Model, binding: Binding, source: Source, held: Source | None, steps: int | None) -> None:
    """Compare what is to be trained with the other processes; where it differs, all raise the same error.

    Args:
        model: A compiled one, built.
        binding: Its variables.
        source: What to train on.
        held: What to validate on; None without.
        steps: Of an epoch; None where nobody knows.

    Raises:
        HostsDifferError: The message names what differs, and who has what.
    """
    identity = identity_of(model, binding, source, held)
    data, judged = identity.pop('data'), identity.pop('validation data', None)
    placing = source.layout.placing
    told = {
        **comparing.of_model(identity),
        'the learning rate': rate_of(model),
        **comparing.of_data(source, data),
        'steps of an epoch': steps,
        'validation data': held and comparing.of_data(held, judged),
        'devices of a batch': placing and placing.shares,
        'the distribution': placing and str(placing.how),
    }
    same_weights.agree('the training', told, same_weights.pairs_of(binding))
    if placing is not None and placing.hosts > 1:
        parts.require_each(source, held)
