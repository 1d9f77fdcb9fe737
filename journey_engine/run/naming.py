"""The names of the topics that one worker reads and writes (contracts, topics)."""

from collections.abc import Mapping
from dataclasses import dataclass

from journey_engine.define.topics import Topics
from journey_engine.encode.outgoing import OutKind, OutRecord


@dataclass(frozen=True, slots=True)
class Names:
    """Every topic by what it is for; `inputs` without the inbox. All have `partitions`."""

    partitions: int
    inputs: tuple[str, ...]
    inbox: str
    changelog: str
    ledger: str
    commands: Mapping[str, str]
    """By channel."""
    outputs: Mapping[OutKind, str]
    max_bytes: Mapping[str, int]
    """The largest record of each topic."""

    @property
    def read(self) -> tuple[str, ...]:
        """What the consumer group reads."""
        return (*self.inputs, self.inbox)

    @property
    def all(self) -> frozenset[str]:
        """Every name."""
        kept = (self.changelog, self.ledger)
        return frozenset((*self.read, *kept, *self.commands.values(), *self.outputs.values()))

    def of(self, record: OutRecord) -> str:
        """Where a record goes.

        Raises:
            KeyError: a command for a channel that has no topic.
        """
        if record.kind is OutKind.COMMAND:
            return self.commands[record.channel]
        return self.outputs[record.kind]


def names(topics: Topics, prefix: str = "") -> Names:
    """The names of declared topics, each with the operator's prefix before it."""
    internal = {key: prefix + spec.name for key, spec in topics.internal.items()}
    outputs = {key: prefix + spec.name for key, spec in topics.outputs.items()}
    return Names(
        partitions=topics.partitions,
        inputs=tuple(prefix + spec.name for spec in topics.inputs.values()),
        inbox=internal["inbox"],
        changelog=internal["customers-changelog"],
        ledger=internal["ledger"],
        commands={channel: prefix + spec.name for channel, spec in topics.commands.items()},
        outputs={
            OutKind.TRANSITION: outputs["transitions"],
            OutKind.DECISION: outputs["decisions"],
            OutKind.DEADLETTER: outputs["deadletters"],
        },
        max_bytes={prefix + name: spec.max_bytes for name, spec in topics.all.items()},
    )
