"""Dead letters read back, and sent again to where they came from.

What was sent again is noted in the dead-letter topic itself, beside the letter, in the transaction
of the sending: a second run passes it by, whoever starts it, and a kill in between doubles nothing.
On a broker without transactions the note follows the record; the event's id then shows a repeat.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from journey_engine.decode.record import Headers, Record
from journey_engine.define.iso import iso_utc
from journey_engine.encode.deadletter import PREFIX, failure_of
from journey_engine.encode.outgoing import OutKind
from journey_engine.run.clock import wall_ms
from journey_engine.run.guarantee import guarantee_of
from journey_engine.run.naming import Names
from journey_engine.run.producers import PlainProducers, TransactionalProducer
from journey_engine.run.producing import Message, Producer
from journey_engine.run.settings import Guarantee, Settings
from journey_engine.run.tailing import tail

REPLAYED = "__journey.replayed."
"""Prefix of the headers of a note: the `offset` of the letter in its partition, and `at`."""
BATCH = 500
"""Letters sent again in one transaction, at most."""
BATCH_BYTES = 8 << 20
"""Bytes of their values, at most: it must be over well within a transaction's time-out."""


class Letter(NamedTuple):
    """A dead letter: where it lies, the record that was refused, and why."""

    partition: int
    offset: int
    record: Record
    failure: dict[str, str]
    replayed: bool = False

    @property
    def place(self) -> str:
        """How people name it: `partition@offset`, as `tail` shows it."""
        return f"{self.partition}@{self.offset}"

    def obstacle(self, names: Names) -> str | None:
        """Why it cannot be sent again; None: it can."""
        if self.replayed:
            return "sent again already"
        if "replaced" in self.failure:
            return f"its {self.failure['replaced']} did not fit into a dead letter"
        if self.record.topic not in names.read:
            return f"{self.record.topic} is no input of these definitions"
        return None


def read_letter(record: Record) -> Letter:
    """A record of the dead-letter topic; without a code of failure it is none of the engine's."""
    failure = failure_of(record.headers)
    headers = tuple(pair for pair in record.headers if not pair[0].startswith(PREFIX))
    original = Record(
        failure.get("topic", ""),
        int(failure.get("partition", record.partition)),
        int(failure.get("offset", -1)),
        record.timestamp,
        record.key,
        record.value,
        headers,
    )
    return Letter(record.partition, record.offset, original, failure)


def _noted(headers: Headers) -> int | None:
    """The offset of the letter that a note tells of; None: it is no note."""
    for name, content in headers:
        if name == f"{REPLAYED}offset":
            return int(content or b"0")
    return None


async def read_letters(
    settings: Settings,
    names: Names,
    whole: Callable[[Letter], bool],
    *,
    only: int | None = None,
    settled: bool = False,
) -> list[Letter]:
    """All letters, in the order of each partition, with what was sent again; `only` and `settled`
    as `tail`. Those that are not wanted `whole` come without the value of their record, so that
    any number of them fits into memory.

    Raises:
        KafkaError: the broker cannot be read.
    """
    letters: dict[tuple[int, int], Letter] = {}
    topic = names.outputs[OutKind.DEADLETTER]
    async for record in tail(settings, [topic], names.partitions, only=only, settled=settled):
        read = read_letter(record)
        offset = _noted(record.headers)
        if "code" in read.failure:  # whatever headers the refused record had of its own
            letters[record.partition, record.offset] = read if whole(read) else _without(read)
        elif offset is not None and (letter := letters.get((record.partition, offset))):
            letters[record.partition, offset] = letter._replace(replayed=True)
    return sorted(letters.values(), key=lambda letter: (letter.partition, letter.offset))


async def replay(
    settings: Settings, names: Names, chosen: Callable[[Letter], bool]
) -> list[Letter]:
    """Send the chosen letters to where their records lay, in the order of each partition, without
    the headers of their failure; those that were sent, without their values. What has an `obstacle`
    is passed over. The chosen letters of one partition are in memory at a time.

    A replay that runs already is fenced: its last batch is this one's to send, or not at all. Notes
    lie among what workers write in transactions, so those that are open are waited for: a note
    behind them is not seen before.

    Raises:
        GuaranteeError, KafkaError, FencedError, UnresolvedError: what was sent until then is noted.
    """
    sent: list[Letter] = []
    producer = await _producer(settings)
    try:
        await producer.start()
        for partition in range(names.partitions):
            letters = await read_letters(settings, names, chosen, only=partition, settled=True)
            able = (each for each in letters if chosen(each) and each.obstacle(names) is None)
            for batch in batches(able):
                await _send(producer, names, batch)
                sent += map(_without, batch)
    finally:
        await producer.stop()
    return sent


def _without(letter: Letter) -> Letter:
    """The letter without the value of its record."""
    return letter._replace(record=letter.record._replace(value=None))


def batches(letters: Iterable[Letter]) -> Iterator[list[Letter]]:
    """The letters in order, as many together as one transaction takes; one alone always."""
    batch: list[Letter] = []
    size = 0
    for letter in letters:
        weight = len(letter.record.value or b"")
        if batch and (len(batch) == BATCH or size + weight > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(letter)
        size += weight
    if batch:
        yield batch


async def _producer(settings: Settings) -> Producer:
    if await guarantee_of(settings) is Guarantee.EXACTLY_ONCE:
        return TransactionalProducer(settings, "deadletters")
    return PlainProducers(settings)(0)


async def _send(producer: Producer, names: Names, letters: Sequence[Letter]) -> None:
    records: dict[tuple[str, int], list[Message]] = {}
    notes: dict[int, list[Message]] = {}
    at = iso_utc(wall_ms()).encode()
    for letter in letters:
        record = letter.record
        again = Message(record.key, record.value, record.headers)
        records.setdefault((record.topic, record.partition), []).append(again)
        headers = ((f"{REPLAYED}offset", str(letter.offset).encode()), (f"{REPLAYED}at", at))
        notes.setdefault(letter.partition, []).append(Message(record.key, None, headers))
    await producer.begin()
    for (topic, partition), messages in records.items():
        await producer.write(topic, partition, messages)
    for partition, messages in notes.items():
        await producer.write(names.outputs[OutKind.DEADLETTER], partition, messages)
    await producer.commit()
