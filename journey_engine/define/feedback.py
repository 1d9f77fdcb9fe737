"""The event types by which channels answer a command, and that the engine itself reads.

They are read where a journey asks for an action that they answer, and where they are published;
each names its command by `command_id` (rule I2).
"""

from collections.abc import Iterable
from typing import Final

from journey_engine.define.action_plan import Action, ActionKind

DELIVERED: Final = "MessageDelivered"
RETURNED: Final = frozenset({"MessageBounced", "MessageFailed"})
"""A message came back; for good, where `permanent` says so."""
ACCEPTED: Final = frozenset({"TaskAccepted"})
UNACKED: Final = "TaskUnacked"
EXPIRED: Final = "TaskExpired"
"""These two the engine raises itself (rule A4)."""
SHOWN: Final = "Shown"
CLOSED: Final = frozenset({"RouteApplied", SHOWN, "Dismissed", "TaskDeclined", "TaskDone", EXPIRED})
ANSWERED: Final = {
    DELIVERED: ActionKind.SEND.value,
    **dict.fromkeys(RETURNED, ActionKind.SEND.value),
    "RouteApplied": ActionKind.ROUTE.value,
    **dict.fromkeys((SHOWN, "Dismissed"), ActionKind.SHOW.value),
    **dict.fromkeys(ACCEPTED | {"TaskDeclined", "TaskDone", EXPIRED}, ActionKind.TASK.value),
}
"""Of which action an answer says something; of any other it says nothing (rules A2 to A5)."""
FIELDS: Final = ("command_id", "permanent")
_ANSWERS: Final = {
    ActionKind.SEND: frozenset({DELIVERED}) | RETURNED,
    ActionKind.ROUTE: frozenset({"RouteApplied"}),
    ActionKind.SHOW: frozenset({SHOWN, "Dismissed"}),
    ActionKind.TASK: frozenset({"TaskAccepted", "TaskDeclined", "TaskDone"}),
    ActionKind.SYNC: frozenset[str](),
}
COUNTED: Final = frozenset({"MessageOpened", "MessageClicked"})
"""What is counted for the preferred channel (rule C7), beside the answers to a send."""


def answers(actions: Iterable[Action]) -> frozenset[str]:
    """The event types that answer these actions."""
    found: set[str] = set()
    for action in actions:
        found |= _ANSWERS[action.kind]
        if action.preferred:
            found |= COUNTED
    return frozenset(found)
