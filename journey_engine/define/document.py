"""What may be written in a journey file: its keys, and the form of their values.

A document says only that a file has the right form (rules F2, F4). What it means, and whether it
fits the schemas and the other files, is the compiler's part. Durations are milliseconds.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import NullableSchema, WithDefaultSchema

from journey_engine.define.action_form import ActionForm
from journey_engine.define.calendar_form import AtForm
from journey_engine.define.form import (
    Cel,
    Date,
    Duration,
    EventTypes,
    FeatureForm,
    Form,
    Identifier,
    Name,
    Text,
    Version,
)
from journey_engine.define.junction_form import Branches, SplitForm
from journey_engine.define.migration_form import MigrateForm
from journey_engine.define.pattern_form import PatternForm
from journey_engine.define.plan import MILESTONE, Reentry, ReentryMode
from journey_engine.define.policy_form import CONTINUE, HoldsForm

Remember = dict[Identifier, Cel]
Scope = Literal["customer"]
Path = tuple[str | int, ...]
"""Keys that lead to a value."""
SINCE: Final = ("stage", "entry")
"""From when a pattern on a transition watches; the first is the default."""


class EntryForm(PatternForm):
    """An entry clause (rules S4, I1, I4, P1)."""

    becomes: Cel | None = None
    remember: Remember = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> Self:
        self.check_pattern()
        if not self.elements:
            raise PydanticCustomError(
                "no_trigger", "nothing triggers it: add `on`, `sequence` or `all`"
            )
        if self.becomes is not None and self.kind is not None:
            raise PydanticCustomError(
                "pattern_conflict", "`becomes` stands at a pattern: it goes with a single event"
            )
        return self


class UpdateForm(Form):
    """An update of the context (rule I4)."""

    on: EventTypes
    when: Cel | None = None
    key: Cel | None = None
    scope: Scope | None = None
    remember: Annotated[Remember, Field(min_length=1)]


class GoalForm(Form):
    """A goal; without `on` it is looked at after every input of the journey (rule I5)."""

    on: EventTypes | None = None
    when: Cel | None = None
    key: Cel | None = None
    scope: Scope | None = None
    value: Cel | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.on is None and self.when is None:
            raise PydanticCustomError("goal_empty", "nothing reaches it: add `on`, `when` or both")
        return self


class MilestoneForm(Form):
    """A milestone: reached once, it does not end the instance (rule I5)."""

    on: EventTypes
    when: Cel | None = None
    key: Cel | None = None
    scope: Scope | None = None


class ExitForm(Form):
    """An exit (rule I6); with `switch_to`, `key` is the one in the journey entered."""

    on: EventTypes
    reason: Name | None = None
    when: Cel | None = None
    key: Cel | None = None
    scope: Scope | None = None
    switch_to: Name | None = None
    context: Remember = Field(default_factory=dict, alias="with")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.reason is None and self.switch_to is None:
            raise PydanticCustomError(
                "exit_reason", "the end has no name: add `reason`, or `switch_to`"
            )
        if self.context and self.switch_to is None:
            raise PydanticCustomError(
                "with_without_switch", "nothing is entered: `with` goes with `switch_to`"
            )
        return self


class TransitionForm(PatternForm):
    """A way out of a stage, or, without `to`, something to do there (rules S5, S6, W1, P1)."""

    after: Duration | None = None
    at: AtForm | None = None
    always: Literal[True] | None = None
    since: Name | None = None
    reset_on: EventTypes | None = None
    scope: Scope | None = None
    to: Name | None = None
    do: list[ActionForm] = Field(default_factory=list)
    remember: Remember = Field(default_factory=dict)
    outcome: Name | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        self.check_pattern()
        listed = ("on", "sequence", "all", "after", "at", "always")
        triggers = [name for name in listed if getattr(self, name) is not None]
        if len(triggers) > 1:
            raise PydanticCustomError(
                "trigger_conflict",
                "`{first}` and `{second}` are two triggers: make it two transitions",
                {"first": triggers[0], "second": triggers[1]},
            )
        if not triggers and self.when is None:
            raise PydanticCustomError(
                "no_trigger", "nothing triggers it: add `on`, `after`, `at`, `always` or `when`"
            )
        self._check_companions()
        return self

    def _check_companions(self) -> None:
        if self.to is None and not self.do and not self.remember:
            raise PydanticCustomError(
                "no_effect", "nothing follows from it: add `to`, `do` or `remember`"
            )
        if self.outcome is not None and self.to != "end":
            raise PydanticCustomError(
                "outcome_without_end", "it does not end here: `outcome` goes with `to: end`"
            )
        if self.kind is not None and self.since not in {None, *SINCE}:
            raise PydanticCustomError(
                "pattern_since", "a pattern has two beginnings: `since: stage` or `since: entry`"
            )
        if self.reset_on is not None and self.after is None and self.at is None:
            raise PydanticCustomError(
                "not_a_wait", "there is no wait: `reset_on` goes with `after` and `at`"
            )
        if self.since is not None and self.after is None and self.kind is None:
            raise PydanticCustomError(
                "not_a_wait", "there is no wait: `since` goes with `after`, or with a pattern"
            )
        if self.reset_on is not None and self.since is not None:
            raise PydanticCustomError(
                "reset_of_since",
                "a wait that counts from a send cannot be reset: drop `since` or `reset_on`",
            )
        if (self.key or self.scope) and not (self.elements or self.reset_on):
            raise PydanticCustomError(
                "key_without_event", "it reads no event: `key` and `scope` go with `on`"
            )


class StageForm(Form):
    """A stage (rule F4), or a junction, which is passed at once (rules J1, J2)."""

    macro_stage: Name
    owner: Text | None = None
    rank: Annotated[int, Field(ge=0, le=1_000)] | None = None
    on_enter: list[ActionForm] = Field(default_factory=list)
    on_exit: list[ActionForm] = Field(default_factory=list)
    transitions: list[TransitionForm] = Field(default_factory=list)
    choose: Branches | None = None
    split: SplitForm | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        junction = next((name for name in ("split", "choose") if getattr(self, name)), None)
        others = ("choose", "transitions", "on_enter", "on_exit", "rank")
        for other in others if junction is not None else ():
            if other != junction and getattr(self, other) not in (None, []):
                raise PydanticCustomError(
                    "junction_stage",
                    "a junction is passed at once: drop `{other}` beside `{junction}`",
                    {"junction": str(junction), "other": other},
                )
        return self

    @property
    def ways(self) -> list[str]:
        """Where one may go from here at once: the targets of its branches or arms."""
        if self.split is not None:
            return [arm.to for arm in self.split.arms.values()]
        return [branch.to for branch in self.choose or ()]

    @property
    def targets(self) -> list[str]:
        """Every stage that one may go to from here, `end` among them."""
        return [*self.ways, *(each.to for each in self.transitions if each.to is not None)]

    @property
    def after_sends(self) -> set[str]:
        """Where its sends lead when they come to nothing (rule C9): stages, or the end."""
        sends = [action.send for _, action in self.actions if action.send is not None]
        return {to for send in sends for to in send.on_suppressed.values()} - {CONTINUE}

    @property
    def actions(self) -> Iterator[tuple[Path, ActionForm]]:
        """Its actions, each with the keys that lead to what it says."""
        lists: list[tuple[Path, list[ActionForm]]] = [(("on_enter",), self.on_enter)]
        lists += [
            (("transitions", index, "do"), each.do) for index, each in enumerate(self.transitions)
        ]
        for path, actions in (*lists, (("on_exit",), self.on_exit)):
            for index, action in enumerate(actions):
                yield (*path, index, action.kind), action


class ReentryForm(Form):
    """When a customer, or a key, may enter again (rule I3)."""

    mode: Literal["once", "after_end", "restart"] = "after_end"
    cooldown: Duration | None = None
    limit: Annotated[int, Field(ge=1, le=64)] | None = None
    within: Duration | None = None
    per: Literal["key", "customer"] = "key"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.limit is None) != (self.within is None):
            raise PydanticCustomError(
                "limit_and_within", "one of `limit` and `within` is missing: they go together"
            )
        if self.mode == "once" and (self.cooldown or self.limit):
            raise PydanticCustomError(
                "once_again", "nobody enters a second time: drop `cooldown`, `limit` and `within`"
            )
        return self

    def meant(self) -> Reentry:
        """What it says."""
        mode, cooldown = ReentryMode(self.mode), self.cooldown or 0
        return Reentry(mode, cooldown, self.limit, self.within, per_customer=self.per == "customer")


class AbandonForm(Form):
    """When an instance that no input reaches any more ends (rule I7)."""

    after: Duration


class JourneyDocument(Form):
    """`topologies/journeys/<name>.yaml`: one journey."""

    journey: Name
    version: Version
    owner: Text
    objective: Text
    success: Name
    review_by: Date
    purpose: Name
    subject: Literal["customer", "account"] = "customer"
    priority: Annotated[int, Field(ge=0, le=1000)] = 50
    key: Cel | None = None
    lateness: Duration = 3_600_000
    features: dict[Identifier, FeatureForm] = Field(default_factory=dict)
    entry: Annotated[list[EntryForm], Field(min_length=1)]
    updates: list[UpdateForm] = Field(default_factory=list)
    reentry: ReentryForm = ReentryForm()
    max_live: Annotated[int, Field(ge=1, le=128)] = 32
    milestones: Annotated[dict[Identifier, MilestoneForm], Field(max_length=32)] = Field(
        default_factory=dict
    )
    goals: Annotated[dict[Name, GoalForm], Field(min_length=1)]
    exits: list[ExitForm] = Field(default_factory=list)
    abandon: AbandonForm | None = None
    holds: HoldsForm | None = None
    migrate: MigrateForm | None = None
    start: Name
    stages: Annotated[dict[Name, StageForm], Field(min_length=1)]

    @property
    def of_account(self) -> bool:
        """Whether it is about an account, not about a customer (rule M3)."""
        return self.subject == "account"

    @property
    def actions(self) -> Iterator[tuple[Path, ActionForm]]:
        """Every action of all stages, each with the keys that lead to what it says."""
        for name, stage in self.stages.items():
            for path, action in stage.actions:
                yield ("stages", name, *path), action

    def leading(self, on: Iterable[str]) -> tuple[str, ...]:
        """The event types of an `on`: for `milestone` those of all milestones (rule I5)."""
        types: set[str] = set()
        for name in on:
            if name == MILESTONE and self.milestones:
                types.update(each for form in self.milestones.values() for each in form.on)
            else:
                types.add(name)
        return tuple(sorted(types))


def event_types(document: JourneyDocument) -> list[str]:
    """Every event type that a clause names, those of entries first."""
    transitions = [each for stage in document.stages.values() for each in stage.transitions]
    named = [
        *(clause.types for clause in document.entry),
        *(clause.on for clause in document.updates),
        *(clause.on for clause in document.exits),
        *(clause.on for clause in document.milestones.values()),
        *(clause.on or () for clause in document.goals.values()),
        *(document.leading(each.types) for each in transitions),
        *(document.leading(each.reset_on or ()) for each in transitions),
    ]
    return list(dict.fromkeys(name for types in named for name in types))


class _WithoutNulls(GenerateJsonSchema):
    """A key that may be left out is not a key that may be null: `validate` refuses those."""

    def nullable_schema(self, schema: NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        made = super().default_schema(schema)
        return {key: value for key, value in made.items() if (key, value) != ("default", None)}

    def encode_default(self, dft: object) -> object:
        encoded: object = super().encode_default(dft)
        if not isinstance(encoded, dict):
            return encoded
        return {key: value for key, value in encoded.items() if value is not None}


def journey_json_schema() -> dict[str, Any]:
    """The JSON Schema of a journey file, for editors (draft 2020-12)."""
    schema = JourneyDocument.model_json_schema(by_alias=True, schema_generator=_WithoutNulls)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "journey.schema.json",
        **schema,
    }


def journey_schema_text() -> str:
    """The text of `schemas/journey.schema.json`."""
    return json.dumps(journey_json_schema(), indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(journey_schema_text())
