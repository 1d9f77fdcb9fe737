"""The laws of the language, on random journeys and logs."""

from collections import Counter, defaultdict
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from journey_engine.decide.decide import decide
from journey_engine.decide.due import next_due
from journey_engine.decide.event import Event, TimersDue, changed
from journey_engine.decide.keys import state_key
from journey_engine.decide.state import EMPTY, STATE_BYTES_MAX, CustomerState
from journey_engine.decide.verdict import Decision
from journey_engine.define.plan import Plan
from journey_engine.encode.state import decode_state, encode_state
from tests.properties.core import Core, as_event, compiled
from tests.properties.drive import Feed
from tests.properties.generate import Definitions, definitions
from tests.properties.logs import logs
from tests.properties.memory import Happened
from tests.properties.shop import TYPES

DAY = 24 * 3_600_000
ODD: dict[str, st.SearchStrategy[Any]] = {
    "string": st.one_of(st.text(max_size=3), st.just("long" * 2_000)),
    "long": st.sampled_from((-(2**63), 2**63 - 1, 0)),
    "double": st.sampled_from((float("nan"), float("inf"), -0.0, 1.8e308, 5e-324)),
    "boolean": st.booleans(),
}
LONG_AFTER = 3 * DAY


class Recorder(Core):
    """Keeps every decision with what it was asked."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.asked: list[tuple[CustomerState, Event | TimersDue, int, Decision]] = []

    def decided(
        self, before: CustomerState, given_: Event | TimersDue, now: int, decision: Decision
    ) -> None:
        self.asked.append((before, given_, now, decision))


def ran(given_: Definitions, log: list[Happened], until: int = LONG_AFTER) -> Recorder:
    recorder = Recorder(compiled(given_))
    Feed(recorder).stream(log, max(event.at for event in log) + until)
    return recorder


@given(definitions(), logs(), st.integers(0, 3))
def test_a_run_starts_anew_anywhere_takes_no_repeat_and_ends_every_candidate_once(
    given_: Definitions, log: list[Happened], back: int
) -> None:
    """Laws 1, 2 and 7, of one run: most of the time goes into definitions and their plan."""
    recorder = ran(given_, log)
    goes_on_from_stored_states(recorder)
    takes_no_repeat(recorder, back)
    ends_each_candidate_once(recorder)


def goes_on_from_stored_states(recorder: Recorder) -> None:
    """Laws 1 and 2: after a crash the states are read back and the rest is taken again."""
    for before, input_, now, decision in recorder.asked:
        restored = decode_state(encode_state(before))
        again = decide(recorder.plan, restored, input_, now)
        assert encode_state(again.state) == encode_state(decision.state)
        assert again.commands == decision.commands
        assert again.transitions == decision.transitions
        assert again.sends == decision.sends


def takes_no_repeat(recorder: Recorder, back: int) -> None:
    """Law 2: a publisher's repeat within the dedupe horizon of the first changes nothing."""
    plan = recorder.plan
    taken: dict[str, list[tuple[Event, int]]] = defaultdict(list)
    for _, input_, now, decision in recorder.asked:
        key = state_key(input_.customer_id, input_.anonymous_id)
        new = decision.rejected is None and decision.outcome != "DUPLICATE"
        if isinstance(input_, Event) and new:
            taken[key].append((input_, now))
        earlier, read_at = taken[key][-1 - back] if len(taken[key]) > back else (None, 0)
        if earlier is None or earlier.type not in plan.fields or now - read_at >= DAY:
            continue
        repeat = decide(plan, decision.state, earlier, now)
        assert repeat.outcome == "DUPLICATE"
        assert repeat.state is decision.state
        assert not [*repeat.commands, *repeat.transitions, *repeat.sends, *repeat.timers_fired]


def ends_each_candidate_once(recorder: Recorder) -> None:
    """Law 7. A candidate is known by the id that its command has or would have had.

    A stage that leads back to itself sends for ever: what it asked for last may still wait.
    """
    outcomes: dict[str, list[str]] = defaultdict(list)
    commands: Counter[str] = Counter()
    for _, _, _, decision in recorder.asked:
        for send in decision.sends:
            outcomes[send.command_id].append(send.outcome.value)
        commands.update(c.command_id for c in decision.commands)
    still = sum(len(state.pending) for state in recorder.states.values())
    assert still == sum(said[-1] == "DEFERRED" for said in outcomes.values())
    for command_id, said in outcomes.items():
        final = [each for each in said if each != "DEFERRED"]
        assert final in ([], said[-1:]), said
        assert commands[command_id] == (said[-1] == "SENT")
    assert all(count == 1 for count in commands.values())


def armed(state: CustomerState) -> Counter[tuple[Any, ...]]:
    """Every timer and waiting candidate, each with what it belongs to."""
    waits = [
        (run.journey, run.key, run.entry_no, run.stage, run.visits.get(run.stage), t.index, t.due)
        for run in state.instances
        for t in run.timers
    ]
    held = [
        (p.journey, p.key, p.entry_no, p.stage, p.visit, p.action, p.run, p.due)
        for p in state.pending
    ]
    return Counter([*waits, *held])


@given(definitions(), logs(), st.sampled_from((-3_600_000, 0, 7_200_000)), st.data())
def test_a_timer_fires_once_and_never_early(
    given_: Definitions, log: list[Happened], late_clock: int, data: st.DataObject
) -> None:
    """Law 4, with a clock of its own: behind the events, with them, ahead of them."""
    recorder = Recorder(compiled(given_))
    ticks = data.draw(st.lists(st.booleans(), min_size=len(log), max_size=len(log)))
    Feed(recorder).wall(log, late_clock, ticks)
    for before, input_, now, decision in recorder.asked:
        passed = input_.up_to if isinstance(input_, TimersDue) else input_.occurred_at
        assert all(due <= passed for due in decision.timers_fired)
        if decision.state is before:
            assert not decision.timers_fired
            continue
        over = [wait for wait in armed(before) if wait[-1] <= passed]
        left = armed(decision.state)
        assert not [wait for wait in over if wait in left], "due, and still armed"
        if isinstance(input_, TimersDue):
            due = next_due(decision.state)
            assert due is None or due > passed
        assert max(left.values(), default=1) == 1, "armed twice"
        assert now >= passed or isinstance(input_, Event)


@given(definitions(), logs(), st.data())
def test_no_input_raises(given_: Definitions, log: list[Happened], data: st.DataObject) -> None:
    """Law 6: values at the limits of their types, long texts; times far off and out of order."""
    plan = compiled(given_)
    states: dict[str, CustomerState] = {}
    for happened in log:
        event = as_event(happened)
        spoilt, kind = data.draw(st.sampled_from(sorted(TYPES[happened.type].items())))
        event = _with_field(event, spoilt, data.draw(ODD[kind.rstrip("?")]))
        key = state_key(event.customer_id, event.anonymous_id)
        decision = decide(plan, states.get(key, EMPTY), event, happened.recorded_at)
        states[key] = decision.state
        assert len(encode_state(decision.state)) <= STATE_BYTES_MAX


def _with_field(event: Event, name: str, value: Any) -> Event:
    fields = {**event.fields, name: value}
    return changed(event, fields=fields)
