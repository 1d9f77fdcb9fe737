"""One winner for a contact and for a slot (rules A2, A3).

A ROUTE that was written for a contact is its only one, also when it was applied. A slot holds one
SHOW: a more important one takes its place, any other finds it taken.
"""

from journey_engine.decide import actions, cancels, standing
from journey_engine.decide.draft import Candidate, Draft
from journey_engine.decide.state import Sent
from journey_engine.define.action_plan import Action, ActionKind
from journey_engine.define.plan import JourneyPlan


def won(draft: Draft, candidate: Candidate, channel: str, subject: str, trace: list[str]) -> bool:
    """Whether the action gets what it contends for; one that loses a slot for it is taken back."""
    action = candidate.action
    if action.kind is ActionKind.ROUTE:
        if next(standing.of_subject(draft, action.kind, channel, subject), None) is None:
            return True
        trace.append("the contact has its route")
        return False
    if action.kind is not ActionKind.SHOW:
        return True
    holders = [
        (journey, sent)
        for journey, sent in standing.of_subject(draft, action.kind, channel, subject)
        if standing.is_out(sent, draft.now)
    ]
    mine = priority(candidate.journey, action)
    if any(_held_with(journey, sent) >= mine for journey, sent in holders):
        trace.append("the slot is taken")
        return False
    for _, sent in holders:
        cancels.displaced(draft, sent, candidate.place.cause)
    return True


def priority(journey: JourneyPlan, action: Action) -> int:
    """How urgent an action is: its own word, else its journey's."""
    return journey.priority if action.priority is None else action.priority


def _held_with(journey: JourneyPlan | None, sent: Sent) -> int:
    """The priority of what holds the slot; none where the plan has it no more."""
    action = actions.find(journey, sent.send_id)
    return -1 if journey is None or action is None else priority(journey, action)
