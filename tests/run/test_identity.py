"""Rules M1, M2 and M4 over partitions: steps are inputs, so a kill between any two changes nothing.

A visitor and their customer live on partitions of their own. What comes out must not depend on
who lags, dies or is late, but for what the clock decides.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey_engine.decide.decision import Command, SendDecision, Transition
from journey_engine.decide.room_state import ChannelState
from journey_engine.decide.state import CustomerState
from journey_engine.decode.decode import Reader
from journey_engine.decode.log import LogLine, route
from journey_engine.define.identity import READ as IDENTITY_TYPES
from journey_engine.define.plan import ChannelPlan, Plan
from journey_engine.define.policy_plan import Capacity
from journey_engine.errors import EndReason
from journey_engine.run.outbox import Output
from journey_engine.run.replay import Replay
from journey_engine.run.wiring import Wiring
from tests.examples import examples
from tests.run.exchange import Exchange, once_each
from tests.run.shop import (
    CHANNEL_TOPICS,
    DAY,
    EXTRA,
    HOUR,
    INBOX,
    INPUTS,
    MINUTE,
    SCHEMAS,
    START,
    line,
)
from tests.run.shop import plan as shop_plan

PEOPLE = ["c1", "c2", "c3"]
VISITORS = ["v1", "v2", "v3"]


def plan(*, limited: bool = False) -> Plan:
    made = shop_plan()
    types = dict.fromkeys(IDENTITY_TYPES, frozenset[str]())
    capacity = Capacity(1, HOUR) if limited else None
    email = ChannelPlan("email", "commands.email.v1", capacity=capacity)
    fields = {**made.fields, **types}
    return replace(made, fields=fields, channels={**made.channels, "email": email})


def visitor(kind: str, who: str, at: int, event_id: str, channel: str = "web") -> LogLine:
    extra = {**EXTRA[kind], "anonymous_id": who}
    return line(kind, None, at, event_id=event_id, channel=channel, extra=extra)


def linked(customer: str, who: str, at: int, event_id: str) -> LogLine:
    return line("IdentityLinked", customer, at, event_id=event_id, extra={"anonymous_id": who})


@st.composite
def days(draw: st.DrawFn) -> list[LogLine]:
    """Visitors and customers leave carts and buy; some turn out to be one; some are erased."""
    lines, now = [], 0
    for number in range(draw(st.integers(1, 25))):
        now += draw(st.sampled_from([0, 1, MINUTE, HOUR, 3 * HOUR]))
        channel = draw(st.sampled_from(list(CHANNEL_TOPICS)))
        kind = draw(
            st.sampled_from(["CartUpdated"] * 4 + ["PaymentFailed", "OrderPlaced", "link", "erase"])
        )
        customer, who = draw(st.sampled_from(PEOPLE)), draw(st.sampled_from(VISITORS))
        if kind == "link":
            lines.append(linked(customer, who, now, str(number)))
        elif kind == "erase":
            lines.append(line("CustomerErased", customer, now, event_id=str(number)))
        elif draw(st.booleans()):
            lines.append(visitor(kind, who, now, str(number), channel))
        else:
            lines.append(line(kind, customer, now, event_id=str(number), channel=channel))
    return lines


def sound(outputs: Sequence[Output]) -> None:
    once_each(
        outputs,
        lambda one: (one.customer_id, one.anonymous_id, one.journey, one.entry_no, one.occurred_at),
    )


@examples(100)
@given(lines=days(), limited=st.booleans(), partitions=st.integers(1, 4), seed=st.integers(0, 99))
def test_no_candidate_is_lost_or_decided_twice_whoever_lags_or_dies(
    *, lines: list[LogLine], limited: bool, partitions: int, seed: int
) -> None:
    made = plan(limited=limited)
    wiring = Wiring(made, Reader(SCHEMAS, made.fields), INPUTS, INBOX, partitions)
    records = route(lines, SCHEMAS, CHANNEL_TOPICS, partitions, marks=False)
    world = Exchange(wiring, records, seed, skew=HOUR)
    world.run(START + 60 * DAY, step=2 * HOUR)

    sound(world.outputs)
    for key, state in world.states().items():
        if isinstance(state, ChannelState):
            assert (state.granted, state.waiting) == ([], [])
        elif isinstance(state, CustomerState) and state.identity is not None:
            assert not state.identity.asked
            for alias in state.identity.aliases:
                other = world.states()[f"a:{alias}"]
                assert isinstance(other, CustomerState)
                assert other.identity is not None
                assert f"c:{other.identity.alias_of}" == key
                assert not other.instances


@examples(60)
@given(lines=days(), partitions=st.integers(1, 4))
def test_a_replay_gives_the_same_however_many_partitions_there_are(
    lines: list[LogLine], partitions: int
) -> None:
    outputs = replayed(lines, partitions)
    sound(outputs)
    assert Counter(map(_who, outputs)) == Counter(map(_who, replayed(lines, 1)))


@pytest.mark.parametrize("partitions", [1, 2, 4])
def test_of_one_millisecond_a_replay_takes_first_what_the_log_has_first(partitions: int) -> None:
    """The order, then another cart by the one who was a visitor: it is a cart left alone."""
    lines = [
        visitor("CartUpdated", "v2", 0, "1"),
        linked("c1", "v2", HOUR, "2"),
        line("OrderPlaced", "c1", 2 * HOUR, event_id="3"),
        visitor("CartUpdated", "v2", 2 * HOUR, "4"),
    ]
    commands = [o for o in replayed(lines, partitions) if isinstance(o, Command)]
    assert [one.created_at - START for one in commands] == [6 * HOUR]


def replayed(lines: list[LogLine], partitions: int) -> list[Output]:
    run = Replay(plan(), SCHEMAS, INPUTS, partitions)
    records = route(lines, SCHEMAS, CHANNEL_TOPICS, partitions, until=START + 60 * DAY)
    return [each.output for each in run.outputs(records)]


def _who(output: Output) -> tuple[object, ...]:
    """What of an output does not tell where its cause lay."""
    if isinstance(output, Command):
        return ("command", output.command_id, output.created_at)
    if isinstance(output, Transition):
        return (
            output.customer_id,
            output.anonymous_id,
            output.journey,
            output.to_stage,
            output.end,
        )
    assert isinstance(output, SendDecision)
    return ("decision", output.decision_id)


def test_a_visitor_who_signs_in_gets_one_reminder() -> None:
    lines = [
        visitor("CartUpdated", "v1", 0, "1"),
        line("CartUpdated", "c1", HOUR, event_id="2"),
        linked("c1", "v1", 2 * HOUR, "3"),
        visitor("CartUpdated", "v1", 3 * HOUR, "4"),
    ]
    outputs = replayed(lines, 4)
    commands = [o for o in outputs if isinstance(o, Command)]

    assert [(o.customer_id, o.created_at - START) for o in commands] == [("c1", 7 * HOUR)]
    ends = [o.end for o in outputs if isinstance(o, Transition) and o.end is not None]
    assert ends[0] is EndReason.MERGED


def test_m4_the_key_of_proofs_is_in_no_output_so_a_replay_needs_none() -> None:
    lines = [
        line("CartUpdated", "c1", 0, event_id="1"),
        line("CustomerErased", "c1", HOUR, event_id="2", extra={}),
        line("CartUpdated", "c1", 2 * HOUR, event_id="3"),
        line("CartUpdated", "c1", DAY, event_id="4"),
    ]
    records = list(route(lines, SCHEMAS, CHANNEL_TOPICS, 2))
    told = [
        [each.output for each in Replay(made, SCHEMAS, INPUTS, 2).outputs(records)]
        for made in (plan(), replace(plan(), proof_key=b"the operator's"))
    ]
    assert told[0] == told[1]
    ends = [one.end for one in told[0] if isinstance(one, Transition)]
    assert EndReason.ERASED in ends
