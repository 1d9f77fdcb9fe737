"""Many large states handed over at once (rule M1), and what is larger than the inbox takes."""

from dataclasses import replace

from journey_engine.decide.decision import Command
from journey_engine.decide.event import Origin
from journey_engine.decide.identity import asked_id
from journey_engine.decide.message import IdentityAsked, IdentityHanded
from journey_engine.decide.state import STATE_BYTES_MAX, CustomerState, Written
from journey_engine.decode.decode import Reader
from journey_engine.decode.record import Record
from journey_engine.define.topics import parse_topics
from journey_engine.encode.deadletter import failure_of
from journey_engine.encode.message import HEADERS, decode_message, encode_message
from journey_engine.encode.outgoing import OutKind
from journey_engine.encode.position import POSITION_KEY, Position, encode_position
from journey_engine.encode.state import encode_state
from journey_engine.errors import DeadLetterCode
from journey_engine.observe.metrics import Metrics
from journey_engine.run.clock import WallClock
from journey_engine.run.merge import BufferLimits
from journey_engine.run.naming import names
from journey_engine.run.outbox import Flush, Forward
from journey_engine.run.outgoing import Encoding, outgoing
from journey_engine.run.store import MemoryStore
from journey_engine.run.task import PartitionTask
from journey_engine.run.wiring import Wiring
from tests.run.shop import HOUR, INBOX, INPUTS, SCHEMAS, START, line, wiring
from tests.run.test_identity import plan
from tests.run.test_task import records

VISITORS = 40
LIMIT = 500_000
TOPICS = "partitions: 1\ninputs: {web: {}}\ncommands: {email: {}}"
CAUSE = Origin("e", INPUTS[0], 0, 0)
LARGE = CustomerState(
    traits={f"t{number}": Written("x" * 1000, START, "e") for number in range(62)}
)


def flushes_of_a_burst() -> list[Flush]:
    """Each of many visitors is asked for, all in one fetch."""
    made = plan()
    reader, buffers = Reader(SCHEMAS, made.fields), BufferLimits(flush_bytes=LIMIT)
    task = PartitionTask(
        0, Wiring(made, reader, INPUTS, INBOX, 1, buffers), MemoryStore(), WallClock()
    )
    states = [(f"a:v{number}".encode(), encode_state(LARGE)) for number in range(VISITORS)]
    position = encode_position(Position({}, made.hash, START, 1))
    kept = enumerate([*states, (POSITION_KEY, position)])
    task.restore([Record("changelog", 0, at, START, key, data) for at, (key, data) in kept])
    task.restored()
    asked = [
        IdentityAsked(f"a:v{number}", asked_id("anna", f"v{number}", 0), START, CAUSE, "anna")
        for number in range(VISITORS)
    ]
    for topic in INPUTS:
        task.feed(topic, [], end=0, asked_at=START)
    task.feed(
        INBOX,
        [
            Record(INBOX, 0, at, START, one.target[2:].encode(), encode_message(one), HEADERS)
            for at, one in enumerate(asked)
        ],
        end=VISITORS,
    )
    flushes = []
    while any(task.step(START, 1_000)[:2]):
        flush = task.take_flush()
        assert flush is not None
        task.confirm(flush, flush.number)
        flushes.append(flush)
    return flushes


def test_a_flush_takes_no_more_than_its_bytes_of_states_that_are_handed_over() -> None:
    flushes = flushes_of_a_burst()
    handed = [[len(encode_message(one)) for one in flush.messages] for flush in flushes]
    assert sum(len(sizes) for sizes in handed) == VISITORS
    assert all(sum(sizes) - sizes[-1] < LIMIT for sizes in handed)
    assert max(sizes[0] for sizes in handed) < STATE_BYTES_MAX + 1_000


def test_what_the_inbox_does_not_take_is_a_dead_letter_and_the_rest_goes() -> None:
    flush = flushes_of_a_burst()[0]
    first, *rest = flush.messages
    assert isinstance(first, IdentityHanded)
    declared = names(parse_topics("t.yaml", TOPICS, "shop"))
    limits = {**declared.max_bytes, declared.inbox: len(encode_message(first)) + 500}
    encoding = Encoding(replace(declared, max_bytes=limits), SCHEMAS, Metrics(), 1_000_000)
    more = {**LARGE.traits, "more": Written("y" * 1000, START, "e")}
    huge = IdentityHanded(
        first.target, first.id, first.at, CAUSE, first.visitor, CustomerState(traits=more)
    )

    written = outgoing(replace(flush, messages=[huge, *rest]), 0, encoding)

    told = [decode_message(one.value or b"") for one in written[declared.inbox, 0]]
    assert told == rest
    (letter,) = written[declared.outputs[OutKind.DEADLETTER], 0]
    assert dict(letter.headers)["__journey.errors.code"] == DeadLetterCode.TOO_LARGE.encode()
    assert letter.value == encode_message(huge)


def test_a_record_whose_forward_the_inbox_does_not_take_is_a_dead_letter_as_it_lay() -> None:
    declared = names(parse_topics("t.yaml", TOPICS, "shop"))
    encoding = Encoding(
        replace(declared, max_bytes={**declared.max_bytes, declared.inbox: 2_000}),
        SCHEMAS,
        Metrics(),
        1_000_000,
    )
    small = Record(INPUTS[0], 3, 7, START, b"anna", b"v" * 400, (("trace", b"0" * 100),))
    large = small._replace(offset=8, headers=(("trace", b"0" * 1_400),))
    forwards = [Forward(small, 1), Forward(large, 1)]
    flush = replace(flushes_of_a_burst()[0], messages=[], forwards=forwards)

    written = outgoing(flush, 3, encoding)

    assert [dict(each.headers)["trace"] for each in written[declared.inbox, 1]] == [b"0" * 100]
    (letter,) = written[declared.outputs[OutKind.DEADLETTER], 3]
    assert (letter.key, letter.value, letter.headers[0]) == (b"anna", b"v" * 400, large.headers[0])
    told = failure_of(letter.headers)
    assert (told["topic"], told["partition"], told["offset"]) == (INPUTS[0], "3", "8")
    assert (told["code"], told["stage"]) == (DeadLetterCode.TOO_LARGE, "encode")
    assert declared.inbox in told["message"]


def test_a_command_for_a_channel_without_topic_is_a_dead_letter_and_the_rest_goes() -> None:
    """One that takes back what was sent while there was one, say."""
    task = PartitionTask(0, wiring(inbox=None), MemoryStore(), WallClock())
    failed = records([line("PaymentFailed", "anna", 0, event_id="1")])
    for topic in INPUTS:
        task.feed(topic, [one for one in failed if one.topic == topic], end=1, position=1)
    task.step(START, 10)
    while task.step(START + 3 * HOUR, 10).fired:
        pass
    flush = task.take_flush()
    assert flush is not None
    declared, metrics = names(parse_topics("t.yaml", TOPICS, "shop")), Metrics()

    written = outgoing(flush, 0, Encoding(declared, SCHEMAS, metrics, 1_000_000))

    sent = [each.channel for each in flush.outputs if isinstance(each, Command)]
    assert sent == ["push", "email"]
    assert len(written[declared.commands["email"], 0]) == 1
    (letter,) = written[declared.outputs[OutKind.DEADLETTER], 0]
    told = failure_of(letter.headers)
    assert (told["code"], told["stage"]) == (DeadLetterCode.INVALID, "encode")
    assert (told["topic"], told["offset"]) == ("commands.push.v1", "-1")
    assert letter.key == b"anna"
    labels = {"code": DeadLetterCode.INVALID, "stage": "encode"}
    assert metrics.registry.get_sample_value("journey_dead_letters_total", labels) == 1
