"""What may be written in a journey file: its keys, and the form of their values.

A document says only that a file has the right form (rules F2, F4). What it means, and whether it
fits the schemas and the other files, is the compiler's part. Durations are milliseconds.
"""

import json
import sys
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

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
)

Remember = dict[Identifier, Cel]
Scope = Literal["customer"]


class EntryForm(Form):
    """An entry clause (rules S4, I1, I4)."""

    on: EventTypes
    when: Cel | None = None
    key: Cel | None = None
    remember: Remember = Field(default_factory=dict)


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
            raise PydanticCustomError("goal_empty", "a goal needs `on`, `when` or both")
        return self


class ExitForm(Form):
    """An exit (rule I6)."""

    on: EventTypes
    reason: Name
    when: Cel | None = None
    key: Cel | None = None
    scope: Scope | None = None


class SendForm(Form):
    """`send` (rule A1)."""

    id: Name
    content: Text
    channels: Annotated[list[Name], Field(min_length=1)]
    when: Cel | None = None
    theme: Name | None = None
    delay: Duration | None = None
    expires: Duration | None = None
    priority: Annotated[int, Field(ge=0, le=1000)] | None = None
    data: dict[Identifier, Cel] = Field(default_factory=dict)
    cancel_on: Literal["end", "leave", "never"] = "end"


class ActionForm(Form):
    """One action; `send` is the one that this version knows."""

    send: SendForm


class TransitionForm(Form):
    """A way out of a stage, or, without `to`, something to do there (rules S5, S6, W1)."""

    on: EventTypes | None = None
    after: Duration | None = None
    always: Literal[True] | None = None
    when: Cel | None = None
    since: Name | None = None
    reset_on: EventTypes | None = None
    key: Cel | None = None
    scope: Scope | None = None
    to: Name | None = None
    do: list[ActionForm] = Field(default_factory=list)
    remember: Remember = Field(default_factory=dict)
    outcome: Name | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        triggers = [name for name in ("on", "after", "always") if getattr(self, name) is not None]
        if len(triggers) > 1:
            raise PydanticCustomError(
                "trigger_conflict",
                "a transition has one trigger, here are `{first}` and `{second}`",
                {"first": triggers[0], "second": triggers[1]},
            )
        if not triggers and self.when is None:
            raise PydanticCustomError(
                "no_trigger", "nothing triggers it: add `on`, `after`, `always` or `when`"
            )
        self._check_companions()
        return self

    def _check_companions(self) -> None:
        if self.to is None and not self.do and not self.remember:
            raise PydanticCustomError(
                "no_effect", "nothing follows from it: add `to`, `do` or `remember`"
            )
        if self.outcome is not None and self.to != "end":
            raise PydanticCustomError("outcome_without_end", "`outcome` goes with `to: end`")
        if self.after is None and (self.reset_on is not None or self.since is not None):
            raise PydanticCustomError("not_a_wait", "`reset_on` and `since` go with `after`")
        if self.reset_on is not None and self.since is not None:
            raise PydanticCustomError(
                "reset_of_since", "a wait that counts from a send cannot be reset"
            )
        if (self.key or self.scope) and not (self.on or self.reset_on):
            raise PydanticCustomError("key_without_event", "`key` and `scope` go with `on`")


class StageForm(Form):
    """A stage (rule F4)."""

    macro_stage: Name
    owner: Text | None = None
    on_enter: list[ActionForm] = Field(default_factory=list)
    on_exit: list[ActionForm] = Field(default_factory=list)
    transitions: list[TransitionForm] = Field(default_factory=list)


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
            raise PydanticCustomError("limit_and_within", "`limit` and `within` go together")
        return self


class AbandonForm(Form):
    """When an instance that no input reaches any more ends (rule I7)."""

    after: Duration


class JourneyDocument(Form):
    """`topologies/journeys/<name>.yaml`: one journey."""

    journey: Name
    version: Annotated[int, Field(ge=1)]
    owner: Text
    objective: Text
    success: Name
    review_by: Date
    purpose: Name
    priority: Annotated[int, Field(ge=0, le=1000)] = 50
    key: Cel | None = None
    lateness: Duration = 3_600_000
    features: dict[Identifier, FeatureForm] = Field(default_factory=dict)
    entry: Annotated[list[EntryForm], Field(min_length=1)]
    updates: list[UpdateForm] = Field(default_factory=list)
    reentry: ReentryForm = ReentryForm()
    max_live: Annotated[int, Field(ge=1, le=128)] = 32
    goals: Annotated[dict[Name, GoalForm], Field(min_length=1)]
    exits: list[ExitForm] = Field(default_factory=list)
    abandon: AbandonForm | None = None
    start: Name
    stages: Annotated[dict[Name, StageForm], Field(min_length=1)]


def journey_json_schema() -> dict[str, Any]:
    """The JSON Schema of a journey file, for editors (draft 2020-12)."""
    schema = JourneyDocument.model_json_schema(by_alias=True, mode="validation")
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
