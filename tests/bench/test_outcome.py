"""The job as a plain function and the job as a definition are the same, and a difference shows."""

from itertools import chain
from pathlib import Path

import pytest

from journey_engine.decide.decide import decide
from journey_engine.decide.event import Event
from journey_engine.decide.state import EMPTY, CustomerState
from journey_engine.decode.decode import Reader, decode
from journey_engine.decode.log import route
from journey_engine.define.plan import Plan
from journey_engine.encode.outgoing import OutKind
from journey_engine.run.definitions import load
from journey_engine.run.outbox import encode_output
from journey_engine.run.replay import Replay
from journey_engine.schemas import Schemas
from tests.bench.grown import grown
from tests.bench.job import CHANNEL, TOPIC, Log, Shop, written
from tests.bench.outcome import DifferentError, Outcome, compare, entered, expected

HERE = Path(__file__).parent
SHOP = Shop(customers=200, events=4_000, unread=0.1)


def replayed(shop: Shop, plan: Plan, schemas: Schemas, journey: str = "bench") -> Outcome:
    visits = chain(shop.visits(), shop.closing())
    lines = (written(visit, schemas) for visit in visits)
    records = route(lines, schemas, {CHANNEL: TOPIC}, shop.partitions, marks=False)
    outputs = Replay(plan, schemas, (TOPIC,), shop.partitions).outputs(records)
    written_as = [encode_output(e.output, schemas, deadletter_bytes_max=10_000) for e in outputs]
    values = [each.value for each in written_as if each.kind is OutKind.COMMAND and each.value]
    return Outcome(entered(values, journey))


def test_the_core_does_the_job() -> None:
    definitions = load(HERE / "topologies", HERE.parents[1] / "schemas", "bench")
    found = replayed(SHOP, definitions.plan, definitions.schemas)
    wanted = expected(SHOP.visits(), timers=True)
    found.stages = wanted.stages

    timed = sum(event is None for each in wanted.entered.values() for _, event in each)

    assert timed > SHOP.events / 100
    compare("the core", wanted, found)


def test_more_journeys_do_the_job_each(tmp_path: Path) -> None:
    shop = Shop(customers=50, events=500)
    folder = grown(tmp_path / "grown", journeys=8, listening=2)
    definitions = load(folder, HERE.parents[1] / "schemas", "bench")
    wanted = expected(shop.visits(), timers=True)

    found = replayed(shop, definitions.plan, definitions.schemas, "bench-2")
    found.stages = wanted.stages

    assert len(definitions.plan.journeys) == 8
    compare("the second journey", wanted, found)


def test_journeys_that_nobody_enters_leave_nothing_with_a_customer(tmp_path: Path) -> None:
    few, many = (states(grown(tmp_path / str(n), journeys=n, listening=2)) for n in (3, 30))
    assert few == many


def states(folder: Path) -> dict[str, CustomerState]:
    """Everybody's last state under these definitions."""
    definitions = load(folder, HERE.parents[1] / "schemas", "bench")
    reader = Reader(definitions.schemas, definitions.plan.fields)
    found: dict[str, CustomerState] = {}
    for record in Log(Shop(customers=50, events=500), definitions.schemas).records():
        event = decode(record, reader)
        assert isinstance(event, Event)
        state = found.get(str(event.customer_id), EMPTY)
        decision = decide(definitions.plan, state, event, event.occurred_at)
        found[str(event.customer_id)] = decision.state
    return found


@pytest.mark.parametrize("lost", ["command", "stage"])
def test_a_difference_is_found(lost: str) -> None:
    wanted = expected(SHOP.visits(), timers=False)
    found = expected(SHOP.visits(), timers=False)
    if lost == "command":
        found.entered["c0000001"].pop()
    else:
        found.stages["c0000001"] = "bought"

    with pytest.raises(DifferentError, match="c0000001"):
        compare("an engine", wanted, found)
