import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from journey_engine.decide.decision import Command, Experiment, Transition
from journey_engine.decode.log import LogLine, Place, read_line, route
from journey_engine.run.clock import StreamClock
from journey_engine.run.outbox import Statistics, encode_output
from journey_engine.run.replay import Logged, Replay
from journey_engine.run.summary import Summary
from journey_engine.run.written import lines, write_lines
from tests.run.drawn import logs
from tests.run.shop import CHANNEL_TOPICS, DAY, HOUR, INPUTS, SCHEMAS, START, line, plan, wiring
from tests.run.world import World


def replayed(
    lines: list[LogLine], partitions: int = 1, until: int | None = None
) -> tuple[Replay, list[Logged]]:
    run = Replay(plan(), SCHEMAS, INPUTS, partitions)
    return run, list(run.outputs(route(lines, SCHEMAS, CHANNEL_TOPICS, partitions, until=until)))


@settings(max_examples=60, deadline=None)
@given(lines=logs())
def test_replay_sends_what_a_worker_sends(lines: list[LogLine]) -> None:
    world = World(wiring(), route(lines, SCHEMAS, CHANNEL_TOPICS, 1), StreamClock)
    world.finish()
    _, logged = replayed(lines)

    sent = [encode_output(each.output, SCHEMAS, deadletter_bytes_max=1_000_000) for each in logged]
    assert [repr(tuple(each)).encode() for each in sent] == world.outputs()


@settings(max_examples=60, deadline=None)
@given(lines=logs(), partitions=st.integers(1, 5))
def test_outputs_come_in_the_order_of_time_partition_and_sequence(
    lines: list[LogLine], partitions: int
) -> None:
    run, logged = replayed(lines, partitions)

    places = [(each.at, each.partition, each.sequence) for each in logged]
    assert places == sorted(set(places))
    assert run.summary.events == len(lines)
    assert run.summary.transitions == sum(isinstance(each.output, Transition) for each in logged)
    assert run.summary.commands.total() == sum(isinstance(each.output, Command) for each in logged)


LOG = [
    line("CartUpdated", "c1", 0, event_id="1"),
    line("CartUpdated", "c1", 0, event_id="1"),
    line("PaymentFailed", "c2", 1, event_id="2"),
    line("PaymentSucceeded", "c2", 2, event_id="3"),
    line("PageViewed", "c3", 5 * HOUR, event_id="4"),
    line("OrderPlaced", "c1", 5 * HOUR, event_id="5"),
]


def test_the_summary_counts_what_happened() -> None:
    run, _ = replayed(LOG, partitions=4)

    summary = run.summary
    assert (summary.events, summary.ids, summary.inputs["DUPLICATE"]) == (6, 3, 1)
    assert summary.entries == {"cart": 1, "payment": 1}
    assert summary.commands == {"email": 1}
    assert summary.refused == {"CANCELLED": 1}
    assert summary.dead_letters == {}


def test_a_record_without_a_key_is_nobody() -> None:
    raw = {"raw": "AAAA", "channel": "web", "recorded_at": START + 6 * HOUR}
    nobody = read_line(raw, SCHEMAS, Place("log", 7))
    run, _ = replayed([*LOG, nobody])

    assert (run.summary.events, run.summary.ids) == (7, 3)


def test_what_is_heard_of_a_message_that_was_sent_is_no_refusal() -> None:
    summary = Summary()
    sends = {("cart", outcome): 2 for outcome in ("SENT", "DELIVERED", "BOUNCED", "NO_CONSENT")}
    summary.add(Statistics(sends=sends))

    assert summary.refused == {"NO_CONSENT": 2}
    assert summary.answered == {"DELIVERED": 2, "BOUNCED": 2}


def test_time_runs_on_to_the_end_that_is_asked_for() -> None:
    alone = [line("CartUpdated", "c1", 0, event_id="1")]

    assert not replayed(alone)[0].summary.commands
    assert replayed(alone, until=START + DAY)[0].summary.commands == {"email": 1}


def test_more_records_than_one_batch_give_one_order() -> None:
    lines = [line("CartUpdated", f"c{n % 700}", n * 60_000, event_id=str(n)) for n in range(6_000)]
    run, logged = replayed(lines, partitions=3, until=START + 10 * DAY)

    assert run.summary.commands["email"] == sum(isinstance(x.output, Command) for x in logged) > 700
    assert [each[:3] for each in logged] == sorted(each[:3] for each in logged)


def test_the_files_hold_one_line_for_each_output_under_the_names_of_the_schemas(
    tmp_path: Path,
) -> None:
    _, logged = replayed(LOG, partitions=2)
    write_lines(lines(logged), tmp_path)
    commands, transitions, decisions = (
        [json.loads(each) for each in (tmp_path / name).read_text().splitlines()]
        for name in ("commands.jsonl", "transitions.jsonl", "decisions.jsonl")
    )

    parsed, _ = SCHEMAS.records["Transition"]
    names = {each["name"] for each in parsed["fields"]}
    assert set(transitions[0]) <= names
    assert {"from", "to", "logged_at", "customer_id"} <= set(transitions[0])
    assert [each["content"] for each in commands] == ["cart"]
    assert {each["outcome"] for each in decisions} >= {"SENT", "CANCELLED", "DEFERRED"}
    assert [each["logged_at"] for each in transitions] == sorted(
        each["logged_at"] for each in transitions
    )


def test_a_line_has_its_fields_in_the_order_of_their_names_however_deep_they_lie() -> None:
    logged, experiment = list[Logged](), Experiment("thanks", "b", 0.5, contaminated=False)
    for each in replayed(LOG)[1]:
        if isinstance(each.output, Command | Transition):
            drawn = replace(each.output, experiment=experiment)
            logged.append(each._replace(output=drawn))

    texts = [each.text.decode().rstrip() for each in lines(logged)]
    assert {"from", "channel"} <= {name for text in texts for name in json.loads(text)}
    for text in texts:
        found = json.loads(text)
        assert found["experiment"]["arm"] == "b"
        assert text == json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
