"""How far the commands of a customer came, and who holds a contact or a slot (rules A2, A3, A7)."""

from collections.abc import Iterator
from typing import Final

import msgspec

from journey_engine.decide import actions
from journey_engine.decide.draft import Draft
from journey_engine.decide.live import Live
from journey_engine.decide.state import (
    OPEN_MAX,
    SENT_FOR_MS,
    SENT_PAST,
    OpenSend,
    Pending,
    Sent,
    Standing,
)
from journey_engine.define.action_plan import Action, ActionKind
from journey_engine.define.plan import JourneyPlan

TAKEN_BACK: Final = -1
"""As a command's `not_before`: it was cancelled, once is enough."""
TASK: Final = ActionKind.TASK.value
ROUTE: Final = ActionKind.ROUTE.value
_CLOSED: Final = Standing.CLOSED.value
_OPEN_KINDS: Final = frozenset({ROUTE, ActionKind.SHOW.value, TASK})
"""A TASK is open until done, a SHOW until seen or dismissed, a ROUTE until applied (rule A7)."""


def is_out(sent: Sent, now: int) -> bool:
    """Whether a command can still be taken back: it is unsent, or open and not expired."""
    not_before = sent.not_before
    if not_before == TAKEN_BACK or sent.standing == _CLOSED:
        return False
    if not_before > now:
        return True
    return sent.kind in _OPEN_KINDS and (sent.not_after is None or sent.not_after >= now)


def is_only_one(sent: Sent, now: int) -> bool:
    """Whether it is the route of a contact that may still be live: there is no other, also after it
    was applied (rule A2).
    """
    route = sent.kind == ROUTE and sent.not_before != TAKEN_BACK
    return route and sent.at > now - SENT_FOR_MS


def is_done_for(draft: Draft, journey: JourneyPlan | None, sent: Sent) -> bool:
    """Whether nothing more can come of a command whose instance completed."""
    if is_out(sent, draft.now) or is_only_one(sent, draft.now):
        return False
    if sent.not_before == TAKEN_BACK or sent.standing == _CLOSED or not sent.not_after:
        return True
    action = actions.find(journey, sent.send_id)
    last = action is None or not channels_left(action, [*sent.tried, sent.channel])
    return last or sent.not_after <= draft.now


def wanted(draft: Draft, journey: JourneyPlan | None, sent: list[Sent]) -> list[Sent]:
    """The commands of an instance, oldest first, without those that nothing comes of any more and
    that are old: the last few stay, since they may be clicked, and the last of each action, since
    waits count from it.
    """
    if len(sent) <= SENT_PAST:
        return sent
    last = {one.send_id: place for place, one in enumerate(sent)}
    old, few = draft.now - SENT_FOR_MS, len(sent) - SENT_PAST
    return [
        one
        for place, one in enumerate(sent)
        if place >= few
        or place == last[one.send_id]
        or one.at > old
        or not is_done_for(draft, journey, one)
    ]


def channels_left(action: Action, tried: list[str]) -> list[str]:
    """To which channels a message may still fall back (rule C7)."""
    if not action.falls_back:
        return []
    return [channel for channel in action.channels if channel not in tried]


def of_subject(
    draft: Draft, kind: ActionKind, channel: str, subject: str
) -> Iterator[tuple[JourneyPlan | None, Sent]]:
    """The commands of a kind for a contact, or for a slot, that were not taken back; each with its
    journey.
    """
    for journey, sent in _everything(draft):
        mine = sent.kind == kind.value and sent.subject == subject and sent.channel == channel
        if mine and sent.not_before != TAKEN_BACK:
            yield journey, sent


def stands(sent: Sent, standing: Standing) -> Sent:
    """The command, that far."""
    return msgspec.structs.replace(sent, standing=standing.value)


def taken_back(sent: Sent) -> Sent:
    """The command, cancelled."""
    return msgspec.structs.replace(sent, not_before=TAKEN_BACK)


def _everything(draft: Draft) -> Iterator[tuple[JourneyPlan | None, Sent]]:
    """Every command that is remembered, as this step leaves it, with its journey."""
    run_by = draft.plan.run_by
    for live in draft.entered:
        for sent in live.sent:
            yield run_by(live.journey, live.version), sent
    for position, instance in enumerate(draft.instances):
        touched = draft.touched.get(position)
        if touched is None or touched.ended is None:
            for sent in instance.sent if touched is None else touched.sent:
                yield run_by(instance.journey, instance.version), sent
    for one in draft.open:
        yield run_by(one.journey, one.version), one.sent


def still_open(draft: Draft) -> list[OpenSend]:
    """What is remembered of completed instances, without that of which nothing comes any more."""
    run_by = draft.plan.run_by
    return [
        one
        for one in draft.open
        if not is_done_for(draft, run_by(one.journey, one.version), one.sent)
    ]


def find_open(draft: Draft, command: str) -> OpenSend | None:
    """The command of an instance that completed, None where it is not remembered."""
    for one in draft.open:
        if one.sent.command_id == command:
            return one
    return None


def remember_open(draft: Draft, fresh: list[OpenSend]) -> None:
    """Keep commands of instances that are gone: consent may go, an answer may come (K1, C7)."""
    kept = still_open(draft) + fresh
    if len(kept) > OPEN_MAX:
        draft.drop("open", len(kept) - OPEN_MAX)
    draft.open = kept[-OPEN_MAX:]


def opened(place: Pending | Live, sent: Sent) -> OpenSend:
    """A command with where it came from."""
    return OpenSend(
        place.journey,
        place.version,
        place.key,
        place.entry_no,
        place.cause,
        sent,
        place.context,
        place.entered_at,
        place.stage_entered_at,
        place.exposure,
        place.milestones,
        place.asker if isinstance(place, Pending) else None,
    )
