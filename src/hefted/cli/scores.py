"""`hefted ledger --scores`: how good the forecasts have been."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from hefted.cli.ledger import id_length
from hefted.ledger import Score, Scores
from hefted.ledger.scores import Outcome, Summary

_LISTED = 20


def show(scores: Scores, *, everything: bool, as_json: bool) -> None:
    """Print scores.

    Args:
        scores: What there are.
        everything: Whether every run is listed, not the newest alone.
        as_json: Whether as JSON: always all of them.
    """
    if as_json:
        click.echo(json.dumps(_json(scores), indent=2, ensure_ascii=False))
        return
    from hefted.cli.painting import paint, width
    from hefted.report.scores import NONE, told

    if not scores.scored and not scores.apart:
        click.echo(NONE)
        return
    listed = len(scores.scored) if everything else _LISTED
    ids = id_length(score.run for score in scores.scored[:listed])
    paint(told(scores, width(), newest=listed, ids=ids))
    if len(scores.scored) > listed:
        paint([[(f'… and {len(scores.scored) - listed} older: hefted ledger --scores --all', 'quiet')]])


def _json(scores: Scores) -> dict[str, Any]:
    return {
        'duration': _summaries(scores.by_how()),
        'later': _summaries(scores.later_by_how()),
        'measured_energy': _summaries(scores.energy_by_how()),
        'scored': [_score(score) for score in scores.scored],
        'apart': [_score(score) for score in scores.apart],
    }


def _summaries(summaries: Mapping[str, Summary]) -> dict[str, Any]:
    return {how: summary._asdict() for how, summary in summaries.items()}


def _score(score: Score) -> dict[str, Any]:
    outcomes = {'duration': score.duration, 'energy': score.energy, 'later': score.later}
    return score._asdict() | {name: _outcome(outcome) for name, outcome in outcomes.items()}


def _outcome(outcome: Outcome | None) -> dict[str, Any] | None:
    return outcome and outcome._asdict() | {'ratio': outcome.ratio, 'inside': outcome.inside}
