"""A plan whose contact policy is looser in one point (section C, rule J4)."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from journey_engine.define.plan import Plan
from journey_engine.define.policy_plan import CapPlan, Policy, PurposePlan


class Looser(NamedTuple):
    """One thing that the centre could have said otherwise; `kind` is `cap quiet theme holdout
    winners hold`.
    """

    kind: str
    sentence: str
    plan: Plan


def looser(plan: Plan) -> Iterator[Looser]:
    """Each point of the policy, loosened as little as can be."""
    policy = plan.policy
    for cap in policy.caps:
        told = f"with the cap {cap.name} at {cap.max + 1} instead of {cap.max}"
        yield Looser("cap", told, replace(plan, policy=_raised(policy, cap)))
    for window in policy.quiet:
        quiet = tuple(each for each in policy.quiet if each is not window)
        told = f"without the quiet hours from {_clock(window.start)} to {_clock(window.end)}"
        yield Looser("quiet", told, replace(plan, policy=replace(policy, quiet=quiet)))
    if policy.conflicts:
        told = "without the conflicts of themes"
        yield Looser("theme", told, replace(plan, policy=replace(policy, conflicts={})))
    for name, purpose in policy.purposes.items():
        for told, other in _of_purpose(name, purpose):
            purposes = {**policy.purposes, name: other}
            kind = "winners" if purpose.holdouts == other.holdouts else "holdout"
            yield Looser(kind, told, replace(plan, policy=replace(policy, purposes=purposes)))
    for journey in plan.journeys:
        if journey.holds is not None:
            others = tuple(
                replace(each, holds=None) if each is journey else each for each in plan.journeys
            )
            yield Looser(
                "hold", f"without the holds of {journey.name}", replace(plan, journeys=others)
            )


def _of_purpose(name: str, purpose: PurposePlan) -> Iterator[tuple[str, PurposePlan]]:
    for holdout in purpose.holdouts:
        left = tuple(each for each in purpose.holdouts if each is not holdout)
        yield f"without the holdout {holdout.id}", replace(purpose, holdouts=left)
    if purpose.collection is not None:
        winners = purpose.collection.winners + 1
        told = f"with {winners} winners of {name} instead of {winners - 1}"
        collection = replace(purpose.collection, winners=winners)
        yield told, replace(purpose, collection=collection)


def _raised(policy: Policy, cap: CapPlan) -> Policy:
    raised = replace(cap, max=cap.max + 1)

    def put(caps: tuple[CapPlan, ...]) -> tuple[CapPlan, ...]:
        return tuple(raised if each.name == cap.name else each for each in caps)

    purposes = {
        name: replace(purpose, obeys=put(purpose.obeys))
        for name, purpose in policy.purposes.items()
    }
    return replace(policy, caps=put(policy.caps), purposes=purposes)


def _clock(time: int) -> str:
    minutes = time // 60_000
    return f"{minutes // 60:02}:{minutes % 60:02}"
