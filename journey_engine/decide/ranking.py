"""Which candidate comes first (rule C5): score, priority, a hash; never arrival or the alphabet.

Candidates of purposes that do not arbitrate come before all others, for nothing competes with
them. A score is the product of its factors; one that is missing or stale counts 1, and the trace
says so.
"""

from hashlib import blake2b
from math import isfinite
from typing import Final

from journey_engine.decide import contests, outcomes
from journey_engine.decide.case import Case
from journey_engine.decide.draft import Draft
from journey_engine.define.action_plan import ActionKind
from journey_engine.define.expression import EvaluationError, Expression, Scope, Warming

_CONTENDING: Final = frozenset({ActionKind.ROUTE, ActionKind.SHOW})
"""Of which one wins a contact or a slot (rules A2, A3)."""
RIVALS_MAX: Final = 8
"""Rivals named in a record."""


def in_order(draft: Draft, cases: list[Case]) -> list[Case]:
    """The cases, the first in rank first; syncs among themselves as they were asked for (A5)."""
    if not draft.plan.policy.ranks and sum(map(_contends, cases)) <= 1:
        return _as_asked(cases, cases)
    scores = [_score(case) if case.purpose.arbitrate else 0.0 for case in cases]
    pairs = list(zip(scores, cases, strict=True))
    if len(pairs) > 1:
        pairs.sort(key=lambda pair: _key(draft, pair[0], pair[1]))
    ordered = [case for _, case in pairs]
    _tell(ordered, {id(case): score for case, score in zip(cases, scores, strict=True)})
    return _as_asked(ordered, cases)


def _as_asked(ordered: list[Case], cases: list[Case]) -> list[Case]:
    """The same, the syncs on the places of syncs; `cases` come in the order of their arrival."""
    if len(ordered) == 1 or not any(map(_is_sync, ordered)):
        return ordered
    places = [place for place, case in enumerate(ordered) if _is_sync(case)]
    syncs = sorted(filter(_is_sync, cases), key=_asked_at)
    by_place = dict(zip(places, syncs, strict=True))
    return [by_place.get(place, case) for place, case in enumerate(ordered)]


def _is_sync(case: Case) -> bool:
    return case.candidate.action.kind is ActionKind.SYNC


def _asked_at(case: Case) -> int:
    return case.candidate.place.asked_at


def _contends(case: Case) -> bool:
    return case.candidate.action.kind in _CONTENDING


def _key(draft: Draft, score: float, case: Case) -> tuple[bool, float, int, bytes, str]:
    candidate = case.candidate
    place = candidate.place
    priority = contests.priority(candidate.journey, candidate.action)
    customer = draft.key
    name = f"{customer}\0{place.journey}\0{place.action}".encode("utf-8", "surrogatepass")
    chance = blake2b(name, digest_size=8).digest()
    # Of one send, for several keys, the command's id is the hash that tells them apart.
    return (case.purpose.arbitrate, -score, -priority, chance, outcomes.id_of(draft, place))


def _score(case: Case) -> float:
    product = 1.0
    for name, factor in case.candidate.action.score:
        value = _factor(factor, case.candidate.scope)
        if value is None:
            case.trace.append(f"score {name} missing, counts 1")
        else:
            case.trace.append(f"score {name} {value:g}")
            product *= value
    return product if isfinite(product) else 1.0


def _factor(factor: Expression, scope: Scope) -> float | None:
    try:
        value = factor.evaluate(scope)
    except (EvaluationError, Warming):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if isfinite(value) else None


def _tell(ordered: list[Case], scores: dict[int, float]) -> None:
    ranked = [case for case in ordered if case.purpose.arbitrate]
    names = [f"{one.candidate.place.journey}/{one.candidate.place.action}" for one in ranked]
    for place, case in enumerate(ranked):
        rivals = [*names[:place], *names[place + 1 :]][:RIVALS_MAX]
        case.ranked = outcomes.Ranked(place + 1, scores[id(case)], tuple(rivals))
