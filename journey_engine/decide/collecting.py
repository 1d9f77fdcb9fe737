"""Candidates that are decided together (rule C5): at a slot, or a while after the first of them.

Theory of operation. A candidate of such a purpose that could be sent waits for the next slot, by
the time of its input (T2), or for the end of the collection that is going on. All that wait for
it are released at one instant and walked down by rank; the first `winners` that caps allow are
sent. How many won is remembered, so that whoever still comes at the same instant finds it taken;
an input that comes late, after its slot was decided, is for the next one. Whose channels are all
quiet at its slot is decided at their opening, and counts among the winners of that slot: sent back
to a slot it would find them quiet again, for ever.
"""

from typing import Final

from journey_engine.decide import calendar, profile
from journey_engine.decide.case import Case
from journey_engine.decide.draft import Draft
from journey_engine.decide.history import NO_SLOT
from journey_engine.decide.scope import Moment
from journey_engine.decide.state import Contact
from journey_engine.define.action_plan import ActionKind
from journey_engine.define.policy_plan import Collection
from journey_engine.errors import DeferredCause

_ARBITRATION: Final = DeferredCause.ARBITRATION.value
_CAPACITY: Final = DeferredCause.CAPACITY.value


def collected(case: Case) -> Collection | None:
    """How the candidate is collected, None if it is not. One that falls back, or was granted room
    on its channel, has won before.
    """
    place = case.candidate.place
    if case.candidate.action.kind is not ActionKind.SEND or place.attempt:
        return None
    if not case.candidate.fresh and place.waits == _CAPACITY:
        return None
    return case.purpose.collection


def waits_until(draft: Draft, case: Case, rule: Collection, moment: Moment) -> int | None:
    """Until when the candidate waits; None where it is decided at this very instant."""
    if _was_called(case, moment) or case.candidate.place.slot:
        return None
    purpose = case.candidate.journey.purpose
    decided = draft.contact.slots.get(purpose, NO_SLOT)[0]
    if rule.slots:
        due = next_slot(draft, rule, max(moment.at - 1, decided if decided > moment.at else -1))
        return None if due is None or due <= moment.at else due
    if decided == moment.at:
        return None
    return _going_on(draft, purpose) or moment.at + rule.collect


def slot_of(draft: Draft, case: Case, moment: Moment) -> int:
    """The slot to which the candidate has come, 0 where it goes to one yet."""
    rule = collected(case)
    if rule is None or waits_until(draft, case, rule, moment) is not None:
        return 0
    return case.candidate.place.slot or moment.at


def next_slot(draft: Draft, rule: Collection, after: int) -> int | None:
    """The first slot after an instant; of one that collects, the end of a new collection."""
    if not rule.slots:
        return after + rule.collect
    zone = profile.zone_of(draft.plan, draft.traits, after)
    found = [calendar.next_time(after, slot, zone) for slot in rule.slots]
    return min([one for one in found if one is not None], default=None)


def open_slot(draft: Draft, purpose: str, at: int) -> None:
    """The candidates of the purpose that came to this slot are decided; after a later one they take
    what is left of its winners.
    """
    if draft.contact.slots.get(purpose, NO_SLOT)[0] < at:
        _note(draft, purpose, at, 0)


def won(draft: Draft, purpose: str) -> int:
    """How many have won the slot that is being decided."""
    return draft.contact.slots.get(purpose, NO_SLOT)[1]


def win(draft: Draft, purpose: str) -> None:
    """One more has won it."""
    at, winners = draft.contact.slots.get(purpose, NO_SLOT)
    _note(draft, purpose, at, winners + 1)


def _was_called(case: Case, moment: Moment) -> bool:
    """Whether it waited for this very slot."""
    place = case.candidate.place
    return not case.candidate.fresh and place.waits == _ARBITRATION and place.due == moment.at


def _note(draft: Draft, purpose: str, at: int, winners: int) -> None:
    contact = draft.contact
    slots = {**contact.slots, purpose: (at, winners)}
    draft.contact = Contact(contact.kinds, contact.sent, contact.lost, slots)


def _going_on(draft: Draft, purpose: str) -> int | None:
    """When the collection ends that is going on."""
    dues = []
    for place in draft.pending:
        journey = draft.plan.run_by(place.journey, place.version)
        if journey is not None and journey.purpose == purpose and place.waits == _ARBITRATION:
            dues.append(place.due)
    return min(dues, default=None)
