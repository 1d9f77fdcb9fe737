"""Who lives where, and how journeys stand, from the records of a changelog."""

from collections.abc import AsyncIterator

from journey_engine.decide.event import Origin
from journey_engine.decide.governing_state import PartitionState
from journey_engine.decide.message import PARTITION
from journey_engine.decide.state import CustomerState, Instance
from journey_engine.decode.record import Record
from journey_engine.define.operation import Operation
from journey_engine.encode.position import POSITION_KEY
from journey_engine.encode.state import encode_state
from journey_engine.run.census import census


def record(partition: int, key: str, state: CustomerState | PartitionState | None) -> Record:
    value = None if state is None else encode_state(state)
    return Record("changelog", partition, 0, 0, key.encode(), value)


def living(*places: tuple[str, int, str]) -> CustomerState:
    return CustomerState(
        instances=[
            Instance(journey, version, None, 1, 0, stage, 0, 0, Origin("e1", "web", 0, 0))
            for journey, version, stage in places
        ]
    )


def said(**operations: Operation) -> PartitionState:
    return PartitionState(operations=operations)


async def lay(*records: Record) -> AsyncIterator[Record]:
    for one in records:
        yield one


async def test_the_latest_state_of_each_counts() -> None:
    found = await census(
        lay(
            record(0, "c:anna", living(("cart", 1, "waiting"))),
            record(0, "c:anna", living(("cart", 2, "waiting"), ("renewal", 1, "due"))),
            record(1, "a:visitor", living(("cart", 2, "waiting"))),
            record(1, "b:house", living(("renewal", 1, "due"))),
            record(1, "c:bert", living(("cart", 1, "waiting"))),
            record(1, "c:bert", None),
            Record("changelog", 1, 0, 0, POSITION_KEY, b"passed by"),
        )
    )
    assert found.living == {("cart", 2, "waiting"): 2, ("renewal", 1, "due"): 2}
    assert found.status("cart", 2) == "open"


async def test_a_journey_stands_as_all_partitions_say_or_as_each_does() -> None:
    paused, stopped = Operation(paused=True), Operation(stopped=True, closed=True)
    found = await census(
        lay(
            record(0, PARTITION, said(cart=paused, welcome=Operation(paused=True, admits=True))),
            record(
                0, PARTITION, said(cart=paused, renewal=stopped, welcome=Operation(closed=True))
            ),
            record(1, PARTITION, said(cart=paused, renewal=Operation(resumed_at=5))),
            record(2, PARTITION, said(cart=paused)),
        )
    )
    assert found.status("cart", 3) == "paused"
    assert found.status("renewal", 3) == "open on 2, stopped on 1"
    assert found.status("welcome", 1) == "closed"
    admitting = await census(
        lay(record(0, PARTITION, said(cart=Operation(paused=True, admits=True))))
    )
    assert admitting.status("cart", 1) == "paused, entries open"
