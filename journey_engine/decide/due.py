"""When something of a state is due next: asked once for every input."""

from collections.abc import Iterable
from typing import Final

from journey_engine.decide.room_state import ChannelState
from journey_engine.decide.state import (
    CustomerState,
    Instance,
    JourneyMemory,
    PatternState,
    Pending,
    State,
)

UNKNOWN: Final = -(1 << 60)
"""In place of a due time: nobody has asked yet. No time lies so far back."""


def next_due(state: State) -> int | None:
    """When the customer's next timer or waiting candidate is due, or when the channel has room for
    one that waits, or since when a sweep is under way; None without any.
    """
    if isinstance(state, CustomerState):  # first: it costs much to find what a struct is not
        return earliest(state.instances, state.pending, state.journeys)
    if isinstance(state, ChannelState):
        return state.used[0][0] if state.waiting and state.used else None
    return None if state.after is None else state.due


def earliest(
    instances: list[Instance], pending: list[Pending], journeys: dict[str, JourneyMemory]
) -> int | None:
    """When the first of their timers and waits is due; None without any."""
    due = None
    for instance in instances:
        for timer in instance.timers:
            at = timer.due
            if due is None or at < due:
                due = at
        if instance.patterns:
            due = _sooner(due, instance.patterns.values())
    for place in pending:
        if due is None or place.due < due:
            due = place.due
    for memory in journeys.values():
        if memory.patterns:
            for by_key in memory.patterns.values():
                due = _sooner(due, by_key.values())
    return due


def _sooner(due: int | None, patterns: Iterable[PatternState]) -> int | None:
    for pattern in patterns:
        for awaited in pattern.awaited:
            if due is None or awaited.due < due:
                due = awaited.due
    return due
