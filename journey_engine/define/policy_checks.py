"""What a journey asks for and the company's files never let happen (rule V4).

Only what is certain is reported, as in `checks`.
"""

from collections.abc import Container, Iterable

from journey_engine.define.action_form import PREFERRED, SendForm, TaskForm
from journey_engine.define.company import Company
from journey_engine.define.document import JourneyDocument
from journey_engine.define.feedback import UNACKED
from journey_engine.define.place import Place


def check_policies(
    document: JourneyDocument,
    place: Place,
    company: Company,
    types: Iterable[str],
    stuck: Container[str],
) -> None:
    """Report what never comes to anything; `types` are the event types that the journey names,
    `stuck` the actions that go on to no other channel, since they read the event.
    """
    for path, action in document.actions:
        at = place.at(*path)
        if action.send is not None:
            _check_hold(action.send, at, company)
            if action.send.id in stuck and not document.of_account:
                _check_fallback(action.send, at)
        if action.task is not None and UNACKED not in types:
            _check_timeout(action.task, at)


def _check_fallback(send: SendForm, place: Place) -> None:
    """A message that comes back ends there, whatever its list says (rule C7)."""
    if len(set(send.channels) - {PREFERRED}) > 1:
        message = "it reads the event, so a message that bounces goes on to none of these channels"
        hint = "remember what it reads (`remember: {x: event.x}`) and read `instance.x`"
        place.at("channels").warn("NO_FALLBACK", message, hint)


def _check_timeout(task: TaskForm, place: Place) -> None:
    """Nothing follows when nobody takes the task."""
    late = task.expires is not None and task.ack_within and task.ack_within >= task.expires
    if task.ack_within is None or late:
        return  # that alone is reported
    message = f"nothing follows when it passes: no clause of the journey is on `{UNACKED}`"
    hint = f"add a transition {{on: {UNACKED}, …}}, or leave `ack_within` out"
    place.at("ack_within").error("TIMEOUT_WITHOUT_PATH", message, hint)


def _check_hold(send: SendForm, place: Place, company: Company) -> None:
    """Each of its channels holds it longer than it lives."""
    delay = send.delay or 0
    if send.expires is not None and send.expires <= delay:
        return  # that alone is reported
    known = [company.channels[name] for name in send.channels if name in company.channels]
    lives = [(channel.hold, send.expires or channel.expires) for channel in known]
    if lives and all(life is not None and delay + hold > life for hold, life in lives):
        message = "every channel of its list holds it beyond `expires`, so it is never sent"
        hint = "lengthen `expires`, or add a channel with a shorter `hold`"
        place.at("channels").warn("HELD_BEYOND_EXPIRES", message, hint)
