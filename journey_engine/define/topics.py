"""topics.yaml: the topics that the engine reads and writes (contracts, Topics).

Their names follow from their places: `interactions.<channel>.v1`, `commands.<channel>.v1`,
`journey.<output>.v1`, `<app>-<internal>`. All have the same number of partitions, since one
partition of all of them is one unit of work. Times are milliseconds, sizes bytes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from journey_engine.define.form import Duration, Form, Name, Text
from journey_engine.define.ownership import PLATFORM
from journey_engine.define.plan import ChannelPlan, Plan
from journey_engine.define.reading import read_document
from journey_engine.errors import DefinitionError, DefinitionErrors

APP_DEFAULT: Final = "journey-engine"
COMMAND_TOPIC: Final = "commands.{}.v1"
"""By channel."""
OUTPUTS: Final = ("transitions", "decisions", "deadletters")
SPARE_BYTES: Final = 64 * 1024
"""How much larger than the largest input a dead letter or a forwarded input may be."""
INTERNAL: Final = ("customers-changelog", "inbox", "ledger")

Count = Annotated[int, Field(ge=1, le=2**31 - 1)]
"""At most what Kafka's protocol carries."""
Cleanup = Literal["delete", "compact"]
TimestampType = Literal["create", "append"]


class TopicForm(Form):
    """What one topic sets for itself; the rest is `defaults`."""

    replication: Count | None = None
    min_in_sync: Count | None = None
    retention: Duration | None = None
    max_bytes: Count | None = None
    cleanup: Cleanup | None = None
    timestamp: TimestampType | None = None
    compaction_lag: Duration | None = None


class ChangelogForm(TopicForm):
    """Customers' states: deleted by time they would be lost."""

    cleanup: Literal["compact"] = "compact"


class LogForm(TopicForm):
    """Several records of a customer, of which compaction would leave the last."""

    cleanup: Literal["delete"] = "delete"


class DefaultsForm(Form):
    """What holds for every topic that says nothing else."""

    replication: Count = 1
    min_in_sync: Count = 1
    retention: Duration = 604_800_000
    max_bytes: Count = 1_048_576
    cleanup: Cleanup = "delete"
    timestamp: TimestampType = "create"
    compaction_lag: Duration = 3_600_000


class OutputsForm(Form):
    """The engine's own reports."""

    transitions: TopicForm = TopicForm()
    decisions: TopicForm = TopicForm()
    deadletters: TopicForm = TopicForm()


class InternalForm(Form):
    """What the engine keeps for itself."""

    changelog: ChangelogForm = Field(ChangelogForm(), alias="customers-changelog")
    inbox: LogForm = LogForm()
    ledger: LogForm = LogForm()


class TopicsDocument(Form):
    """`topologies/topics.yaml`."""

    owner: Text = PLATFORM
    partitions: Annotated[int, Field(ge=1, le=10_000)]
    defaults: DefaultsForm = DefaultsForm()
    inputs: Annotated[dict[Name, TopicForm], Field(min_length=1)]
    commands: Annotated[dict[Name, TopicForm], Field(min_length=1)]
    outputs: OutputsForm = OutputsForm()
    internal: InternalForm = InternalForm()

    @model_validator(mode="after")
    def _check_replicas(self) -> Self:
        for name, form in self._forms().items():
            replicas = form.replication or self.defaults.replication
            if (form.min_in_sync or self.defaults.min_in_sync) > replicas:
                raise PydanticCustomError(
                    "in_sync_beyond_replication",
                    "`{topic}` needs more replicas in sync than it has: lower `min_in_sync`",
                    {"topic": name},
                )
        return self

    def _forms(self) -> dict[str, TopicForm]:
        outputs = {name: getattr(self.outputs, name) for name in OUTPUTS}
        outputs["deadletters"] = self._with_room(self.outputs.deadletters)
        internal = dict(
            zip(
                INTERNAL,
                (
                    self.internal.changelog,
                    self._with_room(self.internal.inbox),
                    self.internal.ledger,
                ),
                strict=True,
            )
        )
        return {
            **{f"inputs.{name}": form for name, form in self.inputs.items()},
            **{f"commands.{name}": form for name, form in self.commands.items()},
            **{f"outputs.{name}": form for name, form in outputs.items()},
            **{f"internal.{name}": form for name, form in internal.items()},
        }

    def topics(self, section: str, name_of: Callable[[str], str]) -> dict[str, "TopicSpec"]:
        """The topics of one section, by their key there."""
        start = f"{section}."
        return {
            key.removeprefix(start): self._topic(name_of(key.removeprefix(start)), form)
            for key, form in self._forms().items()
            if key.startswith(start)
        }

    def _with_room(self, form: TopicForm) -> TopicForm:
        """The form with room for the largest input and more headers, where it sets no size."""
        inputs = (each.max_bytes or self.defaults.max_bytes for each in self.inputs.values())
        room = max(inputs) + SPARE_BYTES
        return form.model_copy(update={"max_bytes": form.max_bytes or room})

    def _topic(self, name: str, form: TopicForm) -> "TopicSpec":
        defaults = self.defaults
        return TopicSpec(
            name=name,
            partitions=self.partitions,
            replication=form.replication or defaults.replication,
            min_in_sync=form.min_in_sync or defaults.min_in_sync,
            retention=form.retention or defaults.retention,
            max_bytes=form.max_bytes or defaults.max_bytes,
            cleanup=form.cleanup or defaults.cleanup,
            timestamp=form.timestamp or defaults.timestamp,
            compaction_lag=form.compaction_lag or defaults.compaction_lag,
        )


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it must be: `timestamp` says whose time a record bears, its producer's
    (`create`) or the broker's (`append`); `max_bytes` is the largest record; `compaction_lag` how
    long a compacted topic keeps every record.
    """

    name: str
    partitions: int
    replication: int
    min_in_sync: int
    retention: int
    max_bytes: int
    cleanup: Cleanup
    timestamp: TimestampType
    compaction_lag: int


@dataclass(frozen=True, slots=True, eq=False)
class Topics:
    """All topics: `inputs` and `commands` by channel, `outputs` and `internal` by their key."""

    partitions: int
    inputs: Mapping[str, TopicSpec]
    commands: Mapping[str, TopicSpec]
    outputs: Mapping[str, TopicSpec]
    internal: Mapping[str, TopicSpec]

    @property
    def input_bytes_max(self) -> int:
        """The largest record that any input takes; a value over it is `TOO_LARGE`."""
        return max(topic.max_bytes for topic in self.inputs.values())

    @property
    def all(self) -> Mapping[str, TopicSpec]:
        """Every topic by its name."""
        sections = (self.inputs, self.commands, self.outputs, self.internal)
        return {topic.name: topic for section in sections for topic in section.values()}

    def lacking(self, plan: Plan) -> list[ChannelPlan]:
        """The plan's channels for whose commands no topic is declared as channels.yaml names it."""
        declared = {channel: topic.name for channel, topic in self.commands.items()}
        return [one for one in plan.channels.values() if declared.get(one.name) != one.topic]


def parse_topics(path: str, text: str, app: str = APP_DEFAULT) -> Topics:
    """The topics of `topics.yaml`; `app` prefixes the internal ones.

    Raises:
        DefinitionErrors: all that is wrong in the file.
    """
    errors: list[DefinitionError] = []
    read = read_document(path, text, TopicsDocument, errors)
    if read is None:
        raise DefinitionErrors(errors)
    document, _ = read
    return Topics(
        partitions=document.partitions,
        inputs=document.topics("inputs", "interactions.{}.v1".format),
        commands=document.topics("commands", COMMAND_TOPIC.format),
        outputs=document.topics("outputs", "journey.{}.v1".format),
        internal=document.topics("internal", lambda key: f"{app}-{key}"),
    )
