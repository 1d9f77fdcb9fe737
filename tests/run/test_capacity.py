"""Rule C6: a channel's room is never exceeded in any window, wherever its customers live."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from journey_engine.decide.decision import Command, SendDecision
from journey_engine.decide.event import Origin
from journey_engine.decide.message import CapacityAsked
from journey_engine.decide.room_state import WAITING_MAX, ChannelState
from journey_engine.decide.state import STATE_BYTES_MAX
from journey_engine.decode.decode import Reader
from journey_engine.decode.log import LogLine, route
from journey_engine.decode.record import Record
from journey_engine.define.plan import ChannelPlan, Plan
from journey_engine.define.policy_plan import Capacity
from journey_engine.encode.message import HEADERS, encode_message
from journey_engine.errors import CandidateOutcome, DeferredCause
from journey_engine.run.clock import WallClock
from journey_engine.run.outbox import Output
from journey_engine.run.replay import Replay
from journey_engine.run.store import MemoryStore
from journey_engine.run.task import PartitionTask
from journey_engine.run.wiring import Wiring
from tests.examples import examples
from tests.run.exchange import Exchange
from tests.run.shop import CHANNEL_TOPICS, DAY, HOUR, INBOX, INPUTS, MINUTE, SCHEMAS, START, line
from tests.run.shop import plan as shop_plan

CUSTOMERS = [f"c{number}" for number in range(12)]


def limited(most: int, per: int, expires: int | None = None) -> Plan:
    made = shop_plan()
    email = ChannelPlan("email", "commands.email.v1", expires=expires, capacity=Capacity(most, per))
    return replace(made, channels={**made.channels, "email": email})


@st.composite
def carts(draw: st.DrawFn) -> list[LogLine]:
    """Carts left, some bought later: each asks for one e-mail after 4 hours, or withdraws."""
    lines, now = [], 0
    for number in range(draw(st.integers(1, 30))):
        now += draw(st.sampled_from([0, 1, MINUTE, 20 * MINUTE, HOUR]))
        kind = draw(st.sampled_from(["CartUpdated", "CartUpdated", "CartUpdated", "OrderPlaced"]))
        customer = draw(st.sampled_from(CUSTOMERS))
        channel = draw(st.sampled_from(list(CHANNEL_TOPICS)))
        lines.append(line(kind, customer, now, event_id=str(number), channel=channel))
    return lines


def within(commands: Sequence[Command], most: int, per: int) -> None:
    """No window `(t - per, t]` holds more than `most`."""
    times = sorted(one.created_at for one in commands if one.action == "SEND")
    for last, time in enumerate(times):
        assert last + 1 - bisect_left(times, time - per + 1) <= most


def settled_once(outputs: Sequence[Output]) -> None:
    """Each candidate ends in exactly one final outcome (law 7)."""
    finals = [o for o in outputs if isinstance(o, SendDecision)]
    final = Counter(o.command_id for o in finals if o.outcome is not CandidateOutcome.DEFERRED)
    assert {o.command_id for o in finals} == set(final)
    assert set(final.values()) <= {1}


LIMITS = st.tuples(st.integers(1, 3), st.sampled_from([MINUTE, HOUR, 5 * HOUR]))


@examples(60)
@given(lines=carts(), limit=LIMITS, partitions=st.integers(1, 4))
def test_no_window_of_a_replay_holds_more_than_the_capacity(
    lines: list[LogLine], limit: tuple[int, int], partitions: int
) -> None:
    run = Replay(limited(*limit), SCHEMAS, INPUTS, partitions)
    end = START + 60 * DAY
    records = list(route(lines, SCHEMAS, CHANNEL_TOPICS, partitions, until=end))
    logged = list(run.outputs(records))
    outputs = [each.output for each in logged]

    within([o for o in outputs if isinstance(o, Command) and o.channel == "email"], *limit)
    settled_once(outputs)
    assert [each[:3] for each in logged] == sorted(each[:3] for each in logged)


@examples(60)
@given(lines=carts(), limit=LIMITS, partitions=st.integers(1, 4), seed=st.integers(0, 2**32))
def test_no_window_holds_more_whoever_lags_or_dies(
    lines: list[LogLine], limit: tuple[int, int], partitions: int, seed: int
) -> None:
    plan = limited(*limit)
    wiring = Wiring(plan, Reader(SCHEMAS, plan.fields), INPUTS, INBOX, partitions)
    records = route(lines, SCHEMAS, CHANNEL_TOPICS, partitions, marks=False)
    world = Exchange(wiring, records, seed, skew=6 * HOUR)
    world.run(START + 60 * DAY, step=12 * HOUR)

    within(world.commands("email"), *limit)
    settled_once(world.outputs)
    for key, state in world.states().items():
        if key == "n:email":
            assert isinstance(state, ChannelState)
            assert not state.granted
            assert not state.waiting


def replayed(lines: list[LogLine], plan: Plan) -> tuple[list[Command], list[SendDecision]]:
    run = Replay(plan, SCHEMAS, INPUTS, 4)
    records = route(lines, SCHEMAS, CHANNEL_TOPICS, 4, until=START + 3 * DAY)
    outputs = [each.output for each in run.outputs(records)]
    return (
        [o for o in outputs if isinstance(o, Command) and o.channel == "email"],
        [o for o in outputs if isinstance(o, SendDecision)],
    )


LEFT = [line("CartUpdated", f"c{n}", n, event_id=str(n)) for n in range(5)]


def test_what_finds_no_room_waits_for_it() -> None:
    commands, decisions = replayed(LEFT, limited(2, HOUR))

    at = START + 4 * HOUR
    assert [one.created_at for one in commands] == [
        at, at + 1, at + HOUR, at + HOUR + 1, at + 2 * HOUR
    ]  # fmt: skip
    first = decisions[0]
    assert (first.outcome, first.cause) == (CandidateOutcome.DEFERRED, DeferredCause.CAPACITY)


def test_what_expires_while_it_waits_is_refused_and_takes_no_room() -> None:
    commands, decisions = replayed(LEFT, limited(1, HOUR, expires=90 * MINUTE))

    assert [one.created_at - START - 4 * HOUR for one in commands] == [0, HOUR]
    outcomes = Counter(one.outcome for one in decisions)
    assert outcomes[CandidateOutcome.CAPACITY] == 3


def test_an_exit_withdraws_the_request() -> None:
    bought = line("OrderPlaced", "c1", 4 * HOUR + 5 * MINUTE, event_id="bought")
    commands, decisions = replayed([*LEFT, bought], limited(1, HOUR))

    assert [one.customer_id for one in commands] == ["c0", "c2", "c3", "c4"]
    assert [one.created_at - START - 4 * HOUR for one in commands] == [0, HOUR, 2 * HOUR, 3 * HOUR]
    assert CandidateOutcome.CANCELLED in {one.outcome for one in decisions}


def _asks(number: int) -> CapacityAsked:
    one, sender = f"{number:036}", f"c:{number:060}"
    origin = Origin("e", "t", 0, 0)
    return CapacityAsked("n:email", one, START, origin, sender, one, 0, 0, 0, START + DAY)


def test_a_channel_for_which_many_wait_is_no_oversized_customer() -> None:
    plan = limited(1, HOUR)
    wiring = Wiring(plan, Reader(SCHEMAS, plan.fields), INPUTS, INBOX, 1)
    task = PartitionTask(0, wiring, MemoryStore(), WallClock())
    records = [
        Record(INBOX, 0, n, START, b"email", encode_message(_asks(n)), HEADERS)
        for n in range(WAITING_MAX + 1)
    ]
    task.feed(INBOX, records)
    while task.step(START, 1_000).taken:
        pass
    flush = task.take_flush()

    assert flush is not None
    assert len(flush.changes["n:email"] or b"") > STATE_BYTES_MAX
    assert flush.statistics.oversized_states == 0
