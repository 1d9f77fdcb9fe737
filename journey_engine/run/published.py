"""The topic of definitions as a worker and an operator see it (rule V2).

It has one partition and is read whole, outside the consumer group: `Published` is what a worker
knows of it, and the catalogue from which its partitions take what is activated.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog
from aiokafka.errors import KafkaError

from journey_engine.decode.decode import Reader
from journey_engine.define.calendar_plan import Zones
from journey_engine.define.quarantine import Quarantined, compile_sound
from journey_engine.define.topics import Topics
from journey_engine.encode.definition import Contents, of_latest
from journey_engine.errors import DefinitionErrors
from journey_engine.run.tailing import tail
from journey_engine.run.wiring import Definition

if TYPE_CHECKING:
    from journey_engine.run.settings import Settings
    from journey_engine.schemas import Schemas

log = structlog.get_logger(__name__)

TOPIC = "journey.definitions.v1"
PUBLISH = "journey-engine definitions publish"
"""The command that makes it."""
_AGAIN_S = 1.0
"""After the broker failed us."""


class Published:
    """What the topic holds, as far as it was read."""

    def __init__(
        self,
        schemas: "Schemas",
        zones: Zones,
        topics: Topics,
        *,
        erasure_key: bytes = b"",
    ) -> None:
        self._schemas = schemas
        self._zones = zones
        self._topics = topics
        self._erasure_key = erasure_key
        self._quarantined: dict[str, frozenset[str]] = {}
        """By plan hash the journeys that are left out of it."""
        self._latest: dict[bytes, bytes] = {}
        self._compiled: dict[str, Definition | None] = {}

    def take(self, key: bytes | None, value: bytes | None) -> None:
        """Take the next record."""
        if key is not None and value is not None:
            self._latest[key] = value
            self._compiled = {name: one for name, one in self._compiled.items() if one is not None}

    @property
    def contents(self) -> Contents:
        """Everything that was taken."""
        return of_latest(self._latest)

    def find(self, plan_hash: str) -> Definition | None:
        """The definitions of this hash, by the schemas and time zones of this worker, which may be
        others than the publisher's; None where they are not here, or cannot be run here. Journeys
        that are wrong are left out, and said so in the log: who is in them lies dormant.
        """
        if plan_hash not in self._compiled:
            self._compiled[plan_hash] = self._compile(plan_hash)
        return self._compiled[plan_hash]

    def left_out(self, plan_hashes: Iterable[str]) -> int:
        """How many journeys are left out of definitions that were found."""
        return len({name for one in plan_hashes for name in self._quarantined.get(one, ())})

    def _compile(self, plan_hash: str) -> Definition | None:
        contents = self.contents
        published = contents.plans.get(plan_hash)
        if published is None:
            log.error("definitions_not_found", plan_hash=plan_hash)
            return None
        try:
            sound = compile_sound(contents.texts(published), self._schemas, self._zones)
        except (DefinitionErrors, KeyError) as error:
            log.error("definitions_unusable", plan_hash=plan_hash, reason=str(error))  # noqa: TRY400 - said, and waited for
            return None
        lacking = [channel.name for channel in self._topics.lacking(sound.plan)]
        if lacking:
            reason = f"topics.yaml declares no topic for the commands of {', '.join(lacking)}"
            log.error("definitions_unusable", plan_hash=plan_hash, reason=reason)
            return None
        if not sound.quarantined and sound.plan.hash != plan_hash:
            # Workers of two releases share partitions while they are rolled out: both must go on.
            hint = "the schemas or the time zones of this worker are others than the publisher's"
            log.warning("definitions_differ", plan_hash=plan_hash, here=sound.plan.hash, hint=hint)
        tell_quarantined(sound.quarantined)
        self._quarantined[plan_hash] = frozenset(sound.quarantined)
        plan = replace(sound.plan, hash=plan_hash, proof_key=self._erasure_key)
        return Definition(plan, Reader(self._schemas, plan.fields, self._topics.input_bytes_max))


def tell_quarantined(quarantined: Quarantined) -> None:
    """Say which journeys are left out, and why."""
    for journey, errors in sorted(quarantined.items()):
        log.error("definition_quarantined", journey=journey, errors=[str(each) for each in errors])


async def read_all(settings: "Settings", published: Published) -> None:
    """Read the topic to its end.

    Raises:
        KafkaError: the broker cannot be read.
    """
    async for record in tail(settings, [settings.topic_prefix + TOPIC], 1):
        published.take(record.key, record.value)


async def follow(settings: "Settings", published: Published) -> None:
    """Take what is published, until cancelled."""
    while True:
        try:
            async for record in tail(settings, [settings.topic_prefix + TOPIC], 1, follow=True):
                published.take(record.key, record.value)
        except KafkaError as error:
            log.warning("definitions_not_read", reason=repr(error))
            await asyncio.sleep(_AGAIN_S)
