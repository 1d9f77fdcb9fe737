"""What is answered to a command: it is closed, or sent on another channel (rules A2 to A5, C7).

Theory of operation. An event with a `command_id` reaches the instance that issued the command
(I2) like any other; before that, what it says of the command is written down here. A message that
bounced or failed for good goes on to the next channel of its list that was not tried, as a
candidate of this instant with a new `attempt`: it is asked everything anew. It does not where
it expired, where the event is late or back-filled (T7), where its action reads the event that asked
for it, and where it would have been taken back, were it waiting (A7). What a message counted for
caps is given back also where nothing else is remembered of it (C3).
"""

from typing import Final

from msgspec.structs import replace

from journey_engine.decide import actions, history, memory, outcomes, standing, waits
from journey_engine.decide.draft import Candidate, Draft
from journey_engine.decide.event import Event
from journey_engine.decide.live import Live
from journey_engine.decide.scope import Moment, candidate_view
from journey_engine.decide.state import OpenSend, Pending, Sent, Standing
from journey_engine.define.action_plan import Action, ActionKind, CancelOn
from journey_engine.define.feedback import ACCEPTED, ANSWERED, CLOSED, DELIVERED, RETURNED, SHOWN
from journey_engine.errors import CandidateOutcome

_RETURNED: Final = {
    "MessageBounced": CandidateOutcome.BOUNCED,
    "MessageFailed": CandidateOutcome.FAILED,
}
_COMMAND, _PERMANENT = "command_id", "permanent"


Issuer = tuple[int, str]
"""The place of the instance that issued a command, and the action that it is of (rule I2)."""
NO_ISSUER: Final[Issuer] = (-1, "")


def hear(draft: Draft, moment: Moment, event: Event) -> Issuer:
    """Write down what the event says of the command that it names, if that is remembered; whose
    command it is.
    """
    command = event.fields.get(_COMMAND)
    if not isinstance(command, str):
        return NO_ISSUER
    for position, instance in enumerate(draft.instances):
        for sent in instance.sent:
            if sent.command_id == command:
                live = draft.touch(position)
                place = _place(live, sent)
                if sent.customer:
                    after = _of_member(event, sent)
                else:
                    after = _heard(draft, moment, event, sent, place)
                live.sent = [after if one.command_id == command else one for one in live.sent]
                if sent.kind == ActionKind.TASK.value:
                    waits.forget(live)
                return position, sent.send_id
    gone = standing.find_open(draft, command)
    if gone is not None:
        place = _place(gone, gone.sent)
        after = _heard(draft, moment, event, gone.sent, place)
        draft.open = [replace(one, sent=after) if one is gone else one for one in draft.open]
    elif _is_returned(event):
        history.give_back(draft, command)
    return NO_ISSUER


def _heard(draft: Draft, moment: Moment, event: Event, sent: Sent, place: Pending) -> Sent:
    """The command after the answer."""
    if _says_nothing(event, sent):
        return sent
    if event.type in CLOSED:
        if event.type == SHOWN:
            history.count(draft, sent.command_id, (sent.channel, sent.purpose, None), draft.now)
        return standing.stands(sent, Standing.CLOSED)
    if event.type in ACCEPTED:
        return standing.stands(sent, Standing.TAKEN)
    if event.type == DELIVERED and sent.standing == Standing.OPEN:
        outcomes.settle(draft, place, CandidateOutcome.DELIVERED, ["delivered"], (sent.channel,))
        return standing.stands(sent, Standing.TAKEN)
    if _is_returned(event):
        outcome = _RETURNED[event.type]
        history.give_back(draft, sent.command_id)
        outcomes.settle(draft, place, outcome, ["for good"], (sent.channel,))
        _fall_back(draft, moment, event, sent, place)
        return standing.stands(sent, Standing.CLOSED)
    return sent


def _of_member(event: Event, sent: Sent) -> Sent:
    """The command after the answer, in the account whose journey asked a member for it: all else
    that follows is the member's.
    """
    if _says_nothing(event, sent):
        return sent
    if _is_returned(event) or event.type in CLOSED:
        return standing.stands(sent, Standing.CLOSED)
    taken = event.type in ACCEPTED or event.type == DELIVERED
    return standing.stands(sent, Standing.TAKEN) if taken else sent


def _says_nothing(event: Event, sent: Sent) -> bool:
    """Whether the command is closed already, or the event answers another kind of action."""
    return sent.standing == Standing.CLOSED or ANSWERED.get(event.type) != sent.kind


def _is_returned(event: Event) -> bool:
    """Whether the message came back for good."""
    return event.type in RETURNED and event.fields.get(_PERMANENT) is True


def _fall_back(draft: Draft, moment: Moment, event: Event, sent: Sent, place: Pending) -> None:
    journey = draft.plan.run_by(place.journey, place.version)
    action = actions.find(journey, place.action)
    if journey is None or action is None or event.backfill:
        return
    taken_back = sent.not_before == standing.TAKEN_BACK or _was_left(draft, action, place)
    if taken_back or memory.is_late(draft, journey, event):
        return
    tried = [*place.tried, sent.channel]
    left = standing.channels_left(action, tried)
    if not left or (sent.not_after is not None and draft.now >= sent.not_after):
        return
    outcomes.settle(draft, place, CandidateOutcome.FALLBACK, [f"on to {left[0]}"], tuple(tried))
    again = replace(
        place,
        due=moment.at,
        cause=event.origin,
        attempt=place.attempt + 1,
        tried=tried,
        command="",
    )
    view = candidate_view(moment, journey, draft.instance_of(place), place)
    draft.candidates.append(Candidate(journey, action, again, view, fresh=False))


def _was_left(draft: Draft, action: Action, place: Pending) -> bool:
    """Whether the stage was left whose leaving takes the action back."""
    live = draft.find(place)
    if live is None or action.cancel_on is not CancelOn.LEAVE:
        return False
    return (live.stage, live.visit) != (place.stage, place.visit)


def _place(owner: Live | OpenSend, sent: Sent) -> Pending:
    """Where the command was asked for, as its candidate was."""
    return Pending(
        sent.at,
        owner.journey,
        owner.version,
        owner.key,
        owner.entry_no,
        sent.stage,
        sent.visit,
        sent.run,
        sent.send_id,
        sent.asked_at,
        owner.cause,
        owner.context,
        owner.entered_at,
        owner.stage_entered_at,
        sent.attempt,
        sent.tried,
        owner.exposure,
        owner.milestones,
        command=sent.command_id,
        asker=owner.asker if isinstance(owner, OpenSend) else None,
    )
