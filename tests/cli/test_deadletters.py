"""Dead letters from the command line, against a broker without transactions."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import pytest

from journey_engine.decode.log import LogEvent, Place, encode_event, read_line
from journey_engine.decode.record import Headers, Record
from journey_engine.encode.deadletter import Failure, encode_deadletter
from journey_engine.errors import DeadLetterCode
from journey_engine.run.brokers import EmbeddedBroker
from journey_engine.schemas import Schemas
from tests.cli.conftest import Engine
from tests.cli.test_operators import LINE, put

pytestmark = pytest.mark.embedded


class Letters:
    """The dead letters of an engine of this test's own."""

    def __init__(self, engine: Engine, address: str, schemas: Schemas) -> None:
        self.prefix = f"cli-{uuid4().hex[:8]}."
        self._engine = engine
        self._at = ("--broker", address, "--prefix", self.prefix)
        self._address = address
        line = read_line(LINE, schemas, Place("test", 1))
        assert isinstance(line, LogEvent)
        self._value = encode_event(line, schemas.events[line.type])
        assert engine("topics", "create", *self._at).code == 0

    def lie(self, channel: str, *headers: tuple[str, bytes], why: str = "an hour ahead") -> None:
        """One more, of a record of this channel."""
        own: Headers = headers
        topic = f"{self.prefix}interactions.{channel}.v1"
        record = Record(topic, 0, 0, 0, b"anna", self._value, own)
        failure = Failure(DeadLetterCode.FUTURE, why, "decode", 0)
        letter = encode_deadletter(record, failure, record_bytes_max=1 << 20)
        asyncio.run(put(self._address, f"{self.prefix}journey.deadletters.v1", letter))

    def say(self, *words: str) -> list[Any]:
        return [json.loads(line) for line in self.print(*words, "--json").splitlines()]

    def print(self, *words: str) -> str:
        said = self._engine("deadletters", *words, *self._at)
        assert said.code == 0, said.err
        return said.out


@pytest.fixture
def letters(engine: Engine, embedded_broker: EmbeddedBroker, schemas: Schemas) -> Letters:
    return Letters(engine, embedded_broker.address, schemas)


def test_what_is_not_sent_again_is_said_with_why(letters: Letters) -> None:
    letters.lie("store")
    letters.lie("fax")
    (first, second) = letters.say("list")
    no_input = f"{letters.prefix}interactions.fax.v1 is no input of these definitions"
    fax = next(
        each["place"] for each in (first, second) if each["failure"]["topic"].endswith("fax.v1")
    )
    wanted = {"would_send": 1, "left": {fax: no_input}}
    assert letters.say("replay", "--all", "--dry-run") == [{"sent": 0, **wanted}]
    assert letters.say("replay", "--all") == [{"sent": 1, **wanted}]


def test_a_refused_record_with_the_headers_of_a_note_is_still_a_letter(letters: Letters) -> None:
    letters.lie("store", ("__journey.replayed.offset", b"0"))
    (listed,) = letters.say("list")
    assert not listed["sent_again"]


def test_a_letter_that_looks_like_markup_is_shown_as_it_is(letters: Letters) -> None:
    letters.lie("[/fax]", why="[/vip]")
    assert "│ [/vip]" in letters.print("list")
    left = letters.print("replay", "--all")
    assert f"{letters.prefix}interactions.[/fax].v1 is no input" in left
