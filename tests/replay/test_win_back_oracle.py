"""70,000 orders of 23,570 customers: the journey finds the lapses that counting the dates gives."""

from collections import defaultdict
from collections.abc import Callable, Iterator

from journey_engine.decide.decision import Transition
from journey_engine.decode.log import Place, read_line
from journey_engine.run.outbox import Output
from journey_engine.schemas import Schemas
from journey_engine.simulate.workload import Line, order_log

SILENCE_MS = 60 * 24 * 3_600_000


def test_the_lapses_are_those_that_counting_gives(
    schemas: Schemas, replayed: Callable[..., Iterator[Output]]
) -> None:
    log = order_log()
    lines = (read_line(line, schemas, Place("orders", n)) for n, line in enumerate(log, 1))
    outputs = replayed(lines, ("win-back",))
    found = [
        (output.customer_id, output.occurred_at)
        for output in outputs
        if isinstance(output, Transition) and output.to_stage == "lapsed"
    ]
    expected = _counted(log)
    assert len(found) == len(expected) > 10_000
    assert set(found) == expected


def _counted(log: list[Line]) -> set[tuple[str | None, int]]:
    """Sixty days after an order without another; the log ends one millisecond after its last."""
    orders: defaultdict[str, list[int]] = defaultdict(list)
    for line in log:
        orders[str(line["customer_id"])].append(int(str(line["occurred_at"])))
    end = max(max(times) for times in orders.values()) + 1
    return {
        (customer, order + SILENCE_MS)
        for customer, times in orders.items()
        for order, following in zip(times, [*times[1:], end], strict=True)
        if following - order >= SILENCE_MS
    }
