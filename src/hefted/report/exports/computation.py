"""How much a run computed: the operations of its plan, as far as it went."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, cast


def operations(lines: Iterable[Mapping[str, Any]], *, of_all_attempts: bool = False) -> float | None:
    """Floating-point operations of a run.

    Those of its plan, counted from its compiled program; of a run that ended before its last step, their part. The plan
    of a later attempt at a training is of what was left; its steps are counted from the first attempt's start.

    Args:
        lines: Its journal's; the plan stands in a line of its own, or among the attributes of a program's own run.
        of_all_attempts: Whether the run is the last attempt at a training, and that of all is asked for; steps that had
            to be done again are not counted.

    Returns:
        None where no plan is told, and where it ended early and no step of it is known.

    Example:
        >>> operations([{'plan': {'flops': 6e9, 'steps': 300}}, {'step': 100}])
        2000000000.0
        >>> operations([{'resumed': {'step': 700}}, {'plan': {'flops': 6e9, 'steps': 300}}, {'step': 800}])
        2000000000.0
    """
    planned: Any = None
    done: Any = None
    status: Any = None
    before = 0.0  # steps of earlier attempts, which journals count on and plans do not hold
    for line in lines:
        planned = line.get('plan') or _attributes(line).get('plan') or _attributes(line) or planned
        done = line.get('step') or done
        status = line.get('status') or status
        before = _number(line.get('resumed'), 'step') or before
    flops = _number(planned, 'flops')
    steps = _number(planned, 'steps')
    if flops is None or not steps or not isinstance(done, int):
        return flops if status == 'finished' else None
    if of_all_attempts:
        return flops / steps * min(done, steps + before)
    return flops / steps * min(max(done - before, 0.0), steps)


def _attributes(line: Mapping[str, Any]) -> dict[str, Any]:
    found = line.get('attributes')
    said = cast(dict[str, Any], found) if isinstance(found, dict) else {}
    return said if 'plan' in said or 'flops' in said else {}


def _number(plan: Any, name: str) -> float | None:
    found = cast(dict[str, Any], plan).get(name) if isinstance(plan, dict) else None
    if not isinstance(found, int | float) or isinstance(found, bool):
        return None
    return float(found) if math.isfinite(found) and found > 0 else None
