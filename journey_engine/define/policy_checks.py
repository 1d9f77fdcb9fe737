"""What a journey asks for and the company's files never let happen (rule V4).

Only what is certain is reported, as in `checks`.
"""

from collections.abc import Iterable, Iterator

from journey_engine.define.action_form import ActionForm, SendForm, TaskForm
from journey_engine.define.company import Company
from journey_engine.define.document import JourneyDocument
from journey_engine.define.feedback import UNACKED
from journey_engine.define.place import Place


def check_policies(
    document: JourneyDocument, place: Place, company: Company, types: Iterable[str]
) -> None:
    """Report what never comes to anything; `types` are the event types that the journey names."""
    for action, at in _actions(document, place):
        if action.send is not None:
            _check_hold(action.send, at, company)
        if action.task is not None and UNACKED not in types:
            _check_timeout(action.task, at)


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


def _actions(document: JourneyDocument, place: Place) -> Iterator[tuple[ActionForm, Place]]:
    for name, stage in document.stages.items():
        at = place.at("stages", name)
        lists = [(stage.on_enter, at.at("on_enter")), (stage.on_exit, at.at("on_exit"))]
        for index, transition in enumerate(stage.transitions):
            lists.append((transition.do, at.at("transitions", index, "do")))
        for actions, where in lists:
            for index, action in enumerate(actions):
                yield action, where.at(index, action.kind)
