"""What journeys keep back of each other (rule C8).

A hold lasts while an instance of its journey lives, from the very input by which it entered, and
at most as long as it says. What waits for it is decided again when the instance has ended, or
when the time is over, or when the message would be too late anyway.
"""

from typing import Final

from journey_engine.decide.case import Case
from journey_engine.decide.draft import Draft
from journey_engine.define.action_plan import ActionKind
from journey_engine.define.policy_plan import Hold

_KINDS: Final = frozenset({ActionKind.SEND, ActionKind.SHOW, ActionKind.SYNC})
"""A ROUTE answers somebody who is there, a TASK asks a colleague: neither is kept back."""


class Held:
    """Which journey holds, whether it drops, and until when else."""

    __slots__ = ("drop", "journey", "until")

    def __init__(self, journey: str, until: int, *, drop: bool) -> None:
        self.journey = journey
        self.until = until
        self.drop = drop


def held(draft: Draft, case: Case) -> Held | None:
    """Who keeps the candidate back: one that drops before one that defers, then the longest."""
    action, mine = case.candidate.action, case.candidate.place.journey
    if case.purpose.transactional or action.kind not in _KINDS:
        return None
    found: Held | None = None
    for live in draft.lives():
        hold = draft.plan.holds.get(live.journey)
        if hold is None or live.journey == mine or not _matches(hold, case):
            continue
        until = live.entered_at + hold.at_most
        if until > case.clock and (found is None or (hold.drop, until) > (found.drop, found.until)):
            found = Held(live.journey, until, drop=hold.drop)
    return found


def _matches(hold: Hold, case: Case) -> bool:
    candidate = case.candidate
    return (
        candidate.journey.purpose in hold.purposes
        or candidate.action.theme in hold.themes
        or candidate.place.journey in hold.journeys
    )
