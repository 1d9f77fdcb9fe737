"""A cluster is lost in the middle of the work; the app goes on on the one it was copied to."""

import asyncio
import datetime as dt
import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from aiokafka.admin import AIOKafkaAdminClient

from journey_engine.decide.event import Origin
from journey_engine.decode.record import Record
from journey_engine.decode.whole import read_whole
from journey_engine.define.plan import Plan
from journey_engine.define.topics import APP_DEFAULT, Topics
from journey_engine.encode.position import POSITION_KEY, decode_position
from journey_engine.errors import RecordError
from journey_engine.run.brokers import KafkaBroker
from journey_engine.run.definitions import load, load_topics
from journey_engine.run.naming import Names, names
from journey_engine.run.tailing import tail
from tests.broker.rig import ROOT, Process
from tests.broker.shipped import ShippedRig
from tests.chaos.workload import Workload
from tests.rehearsal.mirror import Mirror
from tests.run.shop import DAY, SCHEMAS

SYNCS = "mm2-offset-syncs.primary.internal"
TOPOLOGIES = ROOT / "tests" / "chaos" / "topologies"
START_MS = 1_780_000_000_000
RECORDS, CHUNK, CHUNK_MS = 12_000, 60, 200
"""So many records are published every so many milliseconds."""
FIRST = 600
"""These are copied before the others are sent: a mirror takes half a minute to start."""
WAIT_S = 900.0
"""For a machine that others keep busy."""

Place = tuple[str, int]
Seen = tuple[str, bytes | None, bytes]
"""Topic, key and body of an output; the offset in it is that of a cluster, so it is left out."""


class Failed(Exception):  # noqa: N818 - what the rehearsal says
    """The rehearsal cannot go on; the message says why."""


class PlainRig(ShippedRig):
    """The definitions and load of the chaos runs, under the names that `deploy/mirror` copies."""

    def __init__(self, broker: str, data: Path) -> None:
        super().__init__(broker, APP_DEFAULT, data)
        self.settings = self.settings.model_copy(update={"topic_prefix": ""})
        self.names: Names = names(self.topics, "")

    def read_plan(self) -> Plan:
        return load(TOPOLOGIES, ROOT / "schemas").plan

    def read_topics(self, app: str) -> Topics:
        return load_topics(TOPOLOGIES, app)

    def load(self) -> list[Record]:
        """What is published, and marks that let all timers fire. The log's time is made up, but
        goes by about as fast as records are sent."""
        channels = dict(zip(self.topics.inputs, self.names.inputs, strict=True))
        workload = Workload(2, SCHEMAS, channels, self.topics.partitions)
        lines = [
            record
            for chunk in range(RECORDS // CHUNK)
            for record in workload.batch(CHUNK, START_MS + chunk * CHUNK_MS, across=False)
        ]
        offsets: Counter[Place] = Counter()
        numbered = []
        for record in (*lines, *workload.marks(START_MS + DAY)):
            place = (record.topic, record.partition)
            numbered.append(record._replace(offset=offsets[place]))
            offsets[place] += 1
        return numbered

    def begin(self) -> Process:
        return self.start(JOURNEY_TOPOLOGIES=str(TOPOLOGIES))

    async def lying(self, topics: Sequence[str]) -> Mapping[Place, list[Record]]:
        """The records of each partition."""
        found: dict[Place, list[Record]] = {
            (topic, partition): []
            for topic in topics
            for partition in range(self.topics.partitions)
        }
        async for record in tail(self.settings, topics, self.topics.partitions):
            found[record.topic, record.partition].append(record)
        return found

    @property
    def outputs(self) -> Sequence[str]:
        return (*self.names.commands.values(), *self.names.outputs.values())

    @property
    def written_by_engine(self) -> Sequence[str]:
        return (*self.outputs, self.names.inbox)


class Outcome(NamedTuple):
    """What the rehearsal found; the first four must be 0, the one after them must not."""

    lost: int
    unknown: int
    twice: int
    """Outputs of flushes that did not go back, which came again."""
    states_differ: int
    moved_offsets: int
    """Partitions of topics whose position here is another than there."""
    gone_back: int
    """Flushes."""
    repeated: int
    """Outputs that came again with the same id and body."""
    expected: int
    commands: int
    uncopied: int
    """Inputs that the mirror had not copied."""
    seconds: float

    @property
    def good(self) -> bool:
        wrong = (self.lost, self.unknown, self.twice, self.states_differ)
        return not any(wrong) and self.moved_offsets > 0


async def rehearse(folder: Path) -> Outcome:
    """Run it on two Kafkas below `folder`."""
    begun = time.monotonic()
    with KafkaBroker(folder / "primary") as lost, KafkaBroker(folder / "secondary") as other:
        old, new = PlainRig(lost.address, folder / "old"), PlainRig(other.address, folder / "new")
        records = old.load()
        await old.create()
        with Mirror(lost.address, other.address, folder / "mirror.log") as mirror:
            sent_at = await _work(old, new, records, mirror)
        until, uncopied = await _copied_until(old, new, records, sent_at)
        lost.kill()
        before = await _positions(new)
        await _refused(new)
        back = await _fail_over(new, until)
        first = next(number for number, at in enumerate(sent_at) if at > until)
        with new.begin() as worker:
            await worker.ready(WAIT_S)
            await new.publish(records[first:])
            expected = Counter(_masked(*output) for output in old.expected(records).elements())
            found = await _all_there(new, expected)
            states = await new.states()
            if worker.stop() != 0:
                raise Failed(f"the worker did not end well: see {new.log_file}")
    wanted = old.expected_states(records)
    counts = Counter(map(_seen, found))
    kept = {each["partition"]: each["back_to"] or 0 for each in back}
    early = Counter(_seen(each) for each in found if each.timestamp <= kept[each.partition])
    offsets = {each["partition"]: each["offsets"] for each in back}
    return Outcome(
        lost=len(expected.keys() - counts.keys()),
        unknown=len(counts.keys() - expected.keys()),
        twice=sum(counts[each] > expected[each] for each in early),
        states_differ=sum(
            _unplaced(states.get(key)) != _unplaced(state) for key, state in wanted.items()
        ),
        moved_offsets=sum(
            offsets[partition][topic] != at
            for partition, position in before.items()
            for topic, at in position.items()
        ),
        gone_back=sum(each["flushes"] for each in back),
        repeated=counts.total() - expected.total(),
        expected=expected.total(),
        commands=sum(topic in new.names.commands.values() for topic, _, _ in expected),
        uncopied=uncopied,
        seconds=round(time.monotonic() - begun, 1),
    )


async def _work(
    old: PlainRig, new: PlainRig, records: list[Record], mirror: Mirror
) -> Sequence[int]:
    """The lost cluster's life; when each record was sent, in milliseconds."""
    sent_at = [sys.maxsize] * len(records)
    with old.begin() as worker:
        await worker.ready(WAIT_S)
        await _publish(old, records, sent_at, 0, FIRST)
        await _until(lambda: _copied(new), "the mirror copied nothing")
        await _publish(old, records, sent_at, FIRST, RECORDS // 2)
        mirror.kill()
        await _publish(old, records, sent_at, RECORDS // 2, RECORDS * 3 // 4)
        worker.kill()
    return sent_at


async def _publish(
    rig: PlainRig, records: list[Record], sent_at: list[int], first: int, end: int
) -> None:
    for start in range(first, end, CHUNK):
        chunk = records[start : start + CHUNK]
        sent_at[start : start + CHUNK] = [round(time.time() * 1000)] * len(chunk)
        await rig.publish(chunk)
        await asyncio.sleep(CHUNK_MS / 1000)


async def _copied(rig: PlainRig) -> bool:
    """Whether the mirror has come to the first records and to what follows from them."""
    if not {*rig.names.all, SYNCS} <= await _present(rig):
        return False
    copied = await rig.lying(rig.names.inputs)
    written = await rig.lying([rig.names.changelog])
    return sum(map(len, copied.values())) == FIRST and any(written.values())


async def _present(rig: PlainRig) -> set[str]:
    admin = AIOKafkaAdminClient(**rig.settings.clients())
    await admin.start()
    try:
        return set(await admin.list_topics())
    finally:
        await admin.close()


async def _copied_until(
    old: PlainRig, new: PlainRig, records: list[Record], sent_at: Sequence[int]
) -> tuple[int, int]:
    """Up to when all was copied, what a mirror's latency tells; how many inputs were not."""
    there, here = await old.lying(old.written_by_engine), await new.lying(new.written_by_engine)
    missing = [
        lying[len(here[place])].timestamp
        for place, lying in there.items()
        if len(lying) > len(here[place])
    ]
    copied = {place: len(lying) for place, lying in (await new.lying(new.names.inputs)).items()}
    uncopied = 0
    for record, at in zip(records, sent_at, strict=True):
        place = (record.topic, record.partition)
        copied[place] -= 1
        if copied[place] < 0 and at < sys.maxsize:
            uncopied += 1
            missing.append(at)
    if not missing:
        raise Failed("nothing was lost: the mirror had copied everything")
    return min(missing) - 1, uncopied


async def _positions(rig: PlainRig) -> Mapping[int, Mapping[str, int]]:
    """Where each partition stood, as the lost cluster counted."""
    found: dict[int, Mapping[str, int]] = {}
    async for record in tail(rig.settings, [rig.names.changelog], rig.topics.partitions):
        if record.key == POSITION_KEY:
            found[record.partition] = decode_position(record.value or b"").next_offsets
    return found


async def _refused(rig: PlainRig) -> None:
    """A worker that begins before its positions are mapped would skip inputs."""
    with rig.begin() as worker:
        code = await asyncio.to_thread(worker.popen.wait, WAIT_S)
    if code != 1 or "journey-engine failover" not in rig.log_file.read_text():
        raise Failed(f"a worker began at the lost cluster's offsets: {rig.log_file}")
    shutil.rmtree(rig.settings.data_dir)


async def _fail_over(rig: PlainRig, until: int) -> list[dict[str, Any]]:
    at = dt.datetime.fromtimestamp(until / 1000, dt.UTC).isoformat(timespec="milliseconds")
    command = [sys.executable, "-m", "journey_engine", "failover", "--json"]
    command += ["--topologies", str(TOPOLOGIES)]
    where = ["--broker", rig.settings.brokers[0], "--syncs", SYNCS, "--copied-until", at]
    done = await asyncio.to_thread(
        subprocess.run, [*command, *where], cwd=ROOT, capture_output=True, text=True, timeout=WAIT_S
    )
    if done.returncode != 0:
        raise Failed(f"failover: {done.stdout}{done.stderr}")
    answer: list[dict[str, Any]] = json.loads(done.stdout)
    return answer


async def _all_there(rig: PlainRig, expected: Counter[Seen]) -> list[Record]:
    """What lies in the outputs once all that is expected does, or when the time is over."""
    deadline = time.monotonic() + WAIT_S
    while True:
        lying = await rig.lying(rig.outputs)
        found = [record for records in lying.values() for record in records]
        if expected.keys() <= set(map(_seen, found)) or time.monotonic() > deadline:
            return found
        await asyncio.sleep(1)


def _seen(record: Record) -> Seen:
    return _masked(record.topic, record.key, record.value)


def _masked(topic: str, key: bytes | None, value: bytes | None) -> Seen:
    try:
        name, fields = read_whole(value or b"", SCHEMAS)
    except RecordError:  # a dead letter: the bytes of the input
        return topic, key, value or b""
    if "causation" in fields:
        fields["causation"]["offset"] = 0
    return topic, key, msgspec.json.encode((name, fields), order="deterministic")


def _unplaced(value: Any) -> Any:
    """The same without the offsets of what caused it: those are a cluster's."""
    if isinstance(value, Origin):
        return msgspec.structs.replace(value, offset=0)
    if isinstance(value, msgspec.Struct):
        return [_unplaced(getattr(value, name)) for name in value.__struct_fields__]
    return [_unplaced(each) for each in value] if isinstance(value, list) else value


async def _until(seen: Callable[[], Awaitable[bool]], otherwise: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while not await seen():
        if time.monotonic() > deadline:
            raise Failed(otherwise)
        await asyncio.sleep(0.5)
