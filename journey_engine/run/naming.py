"""The names of the topics that one worker reads and writes (contracts, topics)."""

from collections.abc import Mapping
from dataclasses import dataclass

from journey_engine.define.topics import Topics, TopicSpec
from journey_engine.encode.outgoing import OutKind, OutRecord
from journey_engine.run.settings import Settings


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


def names_of(topics: Topics, settings: Settings) -> Names:
    """The names of declared topics as a worker with these settings has them."""
    return names(topics, settings.topic_prefix, settings.own_prefix)


def full_names(topics: Topics, settings: Settings) -> Mapping[str, str]:
    """By declared name the whole one."""
    return _full_names(topics, settings.topic_prefix, settings.own_prefix)


def names(topics: Topics, prefix: str = "", own: str | None = None) -> Names:
    """The names of declared topics, each with the operator's prefix before it; `own` stands before
    all but the inputs, where it is another one.
    """
    full = _full_names(topics, prefix, prefix if own is None else own)

    def named(specs: Mapping[str, TopicSpec]) -> Mapping[str, str]:
        return {key: full[spec.name] for key, spec in specs.items()}

    internal, outputs = named(topics.internal), named(topics.outputs)
    return Names(
        partitions=topics.partitions,
        inputs=tuple(named(topics.inputs).values()),
        inbox=internal["inbox"],
        changelog=internal["customers-changelog"],
        ledger=internal["ledger"],
        commands=named(topics.commands),
        outputs={
            OutKind.TRANSITION: outputs["transitions"],
            OutKind.DECISION: outputs["decisions"],
            OutKind.DEADLETTER: outputs["deadletters"],
        },
        max_bytes={full[name]: spec.max_bytes for name, spec in topics.all.items()},
    )


def _full_names(topics: Topics, prefix: str, own: str) -> Mapping[str, str]:
    inputs = {spec.name for spec in topics.inputs.values()}
    return {name: (prefix if name in inputs else own) + name for name in topics.all}
