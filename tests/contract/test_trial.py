"""What a trial says of a publisher's records and of a sender's answers."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from journey_engine.contract.answers import EVENTS, Examination
from journey_engine.contract.errands import LATER_MS, Errand, Trial, Wants, answered_actions
from journey_engine.contract.golden import Golden
from journey_engine.contract.golden_events import example_fields
from journey_engine.contract.intake import WRONG_PARTITION, WRONG_TOPIC, Intake, Told
from journey_engine.decode.log import LogEvent, Place, encode_event
from journey_engine.decode.partition import partition_of
from journey_engine.decode.record import Record
from journey_engine.define.action_plan import ActionKind
from journey_engine.errors import DeadLetterCode
from journey_engine.run.company import golden_messages, load_company
from tests.conftest import ROOT

COMPANY = load_company(ROOT / "topologies", ROOT / "schemas")
MESSAGES = {each.name: each for each in golden_messages(COMPANY)}
TAKEN = [each for name, each in MESSAGES.items() if name.startswith("events/")]
REFUSED = [each for name, each in MESSAGES.items() if name.startswith("refused/")]
NOW = 1_772_400_000_000
TRIAL = Trial(COMPANY, "email", ActionKind.SEND, "run")


def record(message: Golden, partition: int | None = None) -> Record:
    place = partition_of(message.key, COMPANY.topics.partitions) if partition is None else partition
    topic, at = message.topic, message.timestamp
    return Record(topic, place, 0, at, message.key, message.value, message.headers)


@pytest.mark.parametrize("message", TAKEN, ids=lambda each: each.name)
def test_a_publisher_is_told_what_is_taken(message: Golden) -> None:
    told = Intake(COMPANY).take(record(message))
    if message.name.startswith("events/registry-"):
        assert (told.code, told.good) == (DeadLetterCode.SCHEMA_UNKNOWN, False)
    else:
        assert (told.code, told.good) == ("ACCEPTED", True)


@pytest.mark.parametrize("message", REFUSED, ids=lambda each: each.name)
def test_a_publisher_is_told_what_is_refused_and_why(message: Golden) -> None:
    intake = Intake(COMPANY)
    if message.after is not None:
        intake.take(record(MESSAGES[message.after]))
    told = intake.take(record(message))
    assert (told.code, told.good) == (message.refused, False)
    assert told.message


def test_a_publisher_is_told_of_repeats_and_of_what_lies_wrongly() -> None:
    intake, message = Intake(COMPANY), MESSAGES["events/PaymentFailed.1"]
    lies = record(message)
    assert intake.take(lies).code == "ACCEPTED"
    assert intake.take(lies).code == "DUPLICATE"
    other = record(message, partition=(lies.partition + 1) % COMPANY.topics.partitions)
    assert intake.take(other).code == WRONG_PARTITION
    assert intake.take(lies._replace(topic="interactions.app.v1")).code == WRONG_TOPIC


def test_what_a_channel_may_be_asked_for() -> None:
    assert answered_actions(COMPANY, "email") == [ActionKind.SEND]
    assert answered_actions(COMPANY, "web") == [ActionKind.SEND, ActionKind.SHOW]
    assert answered_actions(COMPANY, "fax") == []


def errands() -> dict[str, Errand]:
    return {each.name: each for each in (*TRIAL.first(NOW), *TRIAL.rest(NOW))}


def test_the_errands_reach_every_partition_and_ask_for_what_they_say() -> None:
    asked = errands()
    commands = {name: each.command for name, each in asked.items()}
    reached = {
        partition_of((commands[f"partition-{number}"].customer_id or "").encode(), 4)
        for number in range(4)
    }
    assert reached == {0, 1, 2, 3}
    assert len({each.command_id for each in commands.values()}) == len(asked)
    assert asked["twice"].times == 2
    assert (commands["expired"].not_after or 0) < NOW
    assert commands["later"].not_before == NOW + LATER_MS
    assert commands["cancel"].cancels == commands["cancelled"].command_id
    assert commands["cancel"].customer_id == commands["cancelled"].customer_id
    silent = {name for name, each in asked.items() if each.wants is Wants.NOTHING}
    assert silent == {"expired", "cancelled", "cancel"}


class Sender:
    """Answers errands as it is told, and has them judged."""

    def __init__(self) -> None:
        self.asked = errands()
        self.examination = Examination(COMPANY, self.asked.values())
        self._intake = Intake(COMPANY)

    def answer(
        self, name: str, type_: str = "MessageDelivered", *, at: int = NOW, **changes: object
    ) -> None:
        command = self.asked[name].command
        said = {
            "event_id": f"{command.command_id}/{type_}",
            "customer_id": command.customer_id,
            "anonymous_id": command.anonymous_id,
            "command_id": command.command_id,
            "occurred_at": at,
        }
        self.say(type_, said | changes, at)

    def say(self, type_: str, said: Mapping[str, Any], at: int) -> None:
        schema = COMPANY.schemas.events[type_]
        fields = example_fields(schema, "email") | dict(said)
        value = encode_event(LogEvent(type_, fields, None, Place("test", 1)), schema)
        key = (fields["customer_id"] or fields["anonymous_id"]).encode()
        partition = partition_of(key, COMPANY.topics.partitions)
        topic = COMPANY.topics.inputs[fields["channel"]].name
        told = self._intake.take(Record(topic, partition, 0, at, key, value))
        self.examination.take(told, at)

    def answer_all(self, *but: str) -> None:
        for name, errand in self.asked.items():
            if errand.wants is Wants.ANSWER and name not in but:
                self.answer(name, at=errand.command.not_before)

    def faults(self) -> dict[str, str]:
        return {
            each.name: "; ".join(each.faults) for each in self.examination.findings() if each.faults
        }


def test_a_sender_that_answers_as_it_should_is_found_right() -> None:
    sender = Sender()
    assert sender.examination.waits()
    assert sender.faults().keys() == {
        name for name, each in sender.asked.items() if each.wants is Wants.ANSWER
    }
    sender.answer_all()
    sender.answer("sparse", "MessageOpened", at=NOW + 1)
    assert not sender.examination.waits()
    assert sender.faults() == {}


def wrong() -> Iterator[Any]:
    stranger = {"customer_id": "somebody"}
    for name, type_, changes, at, says in (
        ("expired", "MessageDelivered", {}, NOW, "nothing should have been done"),
        ("cancelled", "MessageFailed", {}, NOW + LATER_MS, "nothing should have been done"),
        ("cancel", "MessageDelivered", {}, NOW, "nothing should have been done"),
        ("later", "MessageDelivered", {}, NOW, f"{LATER_MS} ms before its not_before"),
        ("twice", "MessageDelivered", {"event_id": "again"}, NOW, "came behind MessageDelivered"),
        ("sparse", "MessageDelivered", {"session_id": "again"}, NOW, "CONFLICT"),
        ("sparse", "MessageBounced", {}, NOW, "came behind MessageDelivered"),
        ("sparse", "TaskDone", {}, NOW, "does not answer a SEND"),
        ("sparse", "MessageOpened", stranger, NOW, "is of somebody"),
        ("sparse", "MessageOpened", {"channel": "push"}, NOW, "names the channel push"),
        (EVENTS, "MessageDelivered", {"command_id": "another"}, NOW, "was not asked: another"),
        (EVENTS, "PageViewed", {"source": ""}, NOW, "INVALID"),
    ):
        yield pytest.param(name, type_, changes, at, says, id=f"{name}-{says}")


@pytest.mark.parametrize(("name", "type_", "changes", "at", "says"), [*wrong()])
def test_a_sender_is_told_what_is_wrong(
    name: str, type_: str, changes: Mapping[str, Any], at: int, says: str
) -> None:
    sender = Sender()
    sender.answer_all()
    if name == EVENTS:
        sender.say(type_, {"event_id": "e", "occurred_at": at, **changes}, at)
    else:
        sender.answer(name, type_, at=at, **changes)
    faults = sender.faults()
    assert faults.keys() == {name}
    assert says in faults[name]


def test_a_sender_is_told_that_it_does_not_keep_the_order() -> None:
    sender = Sender()
    sender.answer_all("in-order-1", "sparse")
    sender.answer("sparse", "MessageOpened")
    sender.answer("sparse")
    sender.answer("in-order-1")
    faults = sender.faults()
    assert faults.keys() == {"in-order-2", "sparse"}
    assert "before in-order-1 was answered" in faults["in-order-2"]
    assert "before MessageDelivered" in faults["sparse"]


def test_an_answer_that_cannot_be_read_is_told() -> None:
    examination = Examination(COMPANY)
    examination.take(Told("t", 0, 0, "c", "DECODE_ERROR", "cut short"), NOW)
    (finding,) = examination.findings()
    assert finding.faults == ("t, partition 0 at 0: DECODE_ERROR: cut short",)


def test_a_task_is_asked_with_its_times() -> None:
    (first,) = Trial(COMPANY, "callcenter", ActionKind.TASK, "run").first(NOW)
    assert (first.command.ack_by or 0) > NOW
    assert (first.command.due_at or 0) > (first.command.ack_by or 0)
