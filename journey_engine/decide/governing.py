"""What a partition is told of definitions and by operators (rules V2, V3), and its sweep.

Pure. The sweep looks at every customer of the partition, in the order of their keys, so many at a
time; where it stands is part of the partition's state, so that it goes on after a restart.
"""

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from journey_engine.decide.governing_state import PartitionState
from journey_engine.decide.message import JourneyOperated, Order
from journey_engine.define.operation import Operation
from journey_engine.define.plan import Plan

_NONE: Final = Operation()
_BEGIN: Final = ""


def operated(state: PartitionState, message: JourneyOperated, now: int) -> PartitionState:
    """The state once the operator's order is taken."""
    before = state.operations.get(message.journey, _NONE)
    order = message.order
    if order == Order.PAUSE:
        after = replace(before, paused=True, admits=message.admits)
    elif order == Order.CLOSE:
        after = replace(before, closed=True)
    elif order == Order.STOP:
        after = Operation(stopped=True)
    else:
        after = Operation(resumed_at=now, over=message.over)
    operations = {**state.operations, message.journey: after}
    changed = replace(state, operations=operations)
    return swept(changed, now) if order in (Order.STOP, Order.RESUME) else changed


def activated(state: PartitionState, plan: Plan, now: int) -> PartitionState:
    """The state once the plan is in force."""
    return swept(state, now) if plan.governs else state


def swept(state: PartitionState, now: int) -> PartitionState:
    """The state with a sweep that begins."""
    return replace(state, after=_BEGIN, due=now)


def joined(states: Iterable[PartitionState]) -> PartitionState:
    """What partitions were told and how far their sweeps came, for another number of partitions:
    where one was still under way a sweep begins anew, since its customers are anywhere now.
    """
    operations: dict[str, Operation] = {}
    sweeping = []
    for state in states:
        for name, one in state.operations.items():
            known = operations.get(name, one)
            operations[name] = max(known, one, key=_resumed)
        if state.after is not None:
            sweeping.append(state.due)
    said = PartitionState(dict(sorted(operations.items())))
    return swept(said, max(sweeping)) if sweeping else said


def _resumed(one: Operation) -> int:
    return one.resumed_at


def sweep_on(state: PartitionState, last: str | None) -> PartitionState:
    """The state once the customers up to `last` were looked at; None: there are no more. Then
    nobody waits any longer for the end of a pause that is over.
    """
    if last is not None:
        return replace(state, after=last)
    stand = {
        name: one
        for name, one in state.operations.items()
        if one.paused or one.closed or one.stopped
    }
    return replace(state, after=None, operations=stand)
