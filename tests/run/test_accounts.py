"""Rule M3 over partitions: members and their account live on partitions of their own."""

from collections import Counter
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from journey_engine.decide.account_state import NO_ACCOUNT
from journey_engine.decide.decision import Command, SendDecision, Transition
from journey_engine.decide.state import CustomerState
from journey_engine.decode.decode import Reader
from journey_engine.decode.log import LogLine, route
from journey_engine.define.plan import Plan
from journey_engine.run.outbox import Output
from journey_engine.run.replay import Replay
from journey_engine.run.wiring import Wiring
from tests.decide.accounts import SENDS, company
from tests.examples import examples
from tests.run.exchange import Exchange, once_each
from tests.run.shop import (
    CHANNEL_TOPICS,
    DAY,
    HOUR,
    INBOX,
    INPUTS,
    MINUTE,
    SCHEMAS,
    START,
    line,
)

PLAN = company()
SENDING = company(SENDS.replace("TO", "members").replace("[push]", "[email]"))
PEOPLE = ["c1", "c2", "c3", "c4"]
ACCOUNTS = ["k1", "k2"]


@st.composite
def days(draw: st.DrawFn) -> list[LogLine]:
    """Customers come to accounts, go to others, pay or do not; some are erased."""
    lines, now = [], 0
    for number in range(draw(st.integers(1, 25))):
        now += draw(st.sampled_from([1, MINUTE, HOUR, DAY]))
        kind = draw(
            st.sampled_from(
                ["PaymentFailed"] * 4
                + ["AccountLinked"] * 3
                + ["PaymentSucceeded", "CustomerErased"]
            )
        )
        extra = {}
        if kind == "AccountLinked":
            extra = {"account_id": draw(st.sampled_from(ACCOUNTS)), "role": None}
        customer, channel = draw(st.sampled_from(PEOPLE)), draw(st.sampled_from(["app", "web"]))
        lines.append(line(kind, customer, now, event_id=str(number), channel=channel, extra=extra))
    return lines


def sound(outputs: Sequence[Output]) -> None:
    once_each(outputs, lambda one: (one.account_id, one.journey, one.entry_no))


@examples(60)
@given(
    plan=st.sampled_from([PLAN, SENDING]),
    lines=days(),
    partitions=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_members_and_accounts_agree_whoever_lags_or_dies(
    *, plan: Plan, lines: list[LogLine], partitions: int, seed: int
) -> None:
    wiring = Wiring(plan, Reader(SCHEMAS, plan.fields), INPUTS, INBOX, partitions)
    records = route(lines, SCHEMAS, CHANNEL_TOPICS, partitions, marks=False)
    world = Exchange(wiring, records, seed, skew=HOUR)
    world.run(START + 60 * DAY, step=2 * HOUR)

    sound(world.outputs)
    told, known = {}, {}
    for key, state in world.states().items():
        assert isinstance(state, CustomerState)
        if state.membership is not None:
            told[key[2:]] = f"b:{state.membership.account}"
        account = state.account or NO_ACCOUNT
        for member in account.members:
            known[member.customer] = key
        assert not any(one.waits for one in account.asked)
    assert known == told


@examples(40)
@given(plan=st.sampled_from([PLAN, SENDING]), lines=days(), partitions=st.integers(2, 4))
def test_a_replay_gives_the_same_however_many_partitions_there_are(
    plan: Plan, lines: list[LogLine], partitions: int
) -> None:
    outputs = replayed(plan, lines, partitions)
    sound(outputs)
    assert Counter(map(_what, outputs)) == Counter(map(_what, replayed(plan, lines, 1)))


def replayed(plan: Plan, lines: list[LogLine], partitions: int) -> list[Output]:
    run = Replay(plan, SCHEMAS, INPUTS, partitions)
    records = route(lines, SCHEMAS, CHANNEL_TOPICS, partitions, until=START + 60 * DAY)
    return [each.output for each in run.outputs(records)]


def _what(output: Output) -> tuple[object, ...]:
    if isinstance(output, Transition):
        return (output.account_id, output.entry_no, output.to_stage, output.occurred_at)
    if isinstance(output, Command):
        return (output.command_id, output.action, output.created_at)
    return (output.command_id, output.outcome) if isinstance(output, SendDecision) else ()


def test_the_account_works_on_a_partition_of_its_own() -> None:
    linked = {"account_id": "k1", "role": "payer"}
    lines = [
        *(
            line("AccountLinked", who, n, event_id=f"l{who}", extra=linked)
            for n, who in enumerate(PEOPLE)
        ),
        *(
            line("PaymentFailed", who, HOUR + n, event_id=f"f{who}", extra={})
            for n, who in enumerate(PEOPLE)
        ),
    ]
    outputs = replayed(PLAN, lines, 4)
    [task] = [o for o in outputs if isinstance(o, Command)]
    assert (task.account_id, task.data["people"]) == ("k1", PEOPLE)
    moves = [o for o in outputs if isinstance(o, Transition)]
    assert [(o.from_stage, o.to_stage, o.occurred_at - START) for o in moves] == [
        (None, "waiting", HOUR + 1),
        ("waiting", "calling", HOUR + 1 + DAY),
        ("calling", None, HOUR + 1 + DAY + 4 * HOUR),
    ]
