"""What may be written in the company's files: customer, policies, channels, lifecycle.

Durations are milliseconds.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from journey_engine.define.form import (
    Cel,
    Duration,
    EventTypes,
    FeatureForm,
    FieldOfType,
    Form,
    Identifier,
    Name,
    Text,
    one_or_many,
)


def _reach_clauses(value: object) -> object:
    clauses = value if isinstance(value, list) else [value]
    return [{"on": item} if isinstance(item, str) else item for item in clauses]


class TraitForm(Form):
    """A trait and the event fields that write it (rule K1)."""

    sources: Annotated[list[FieldOfType], Field(min_length=1, alias="from")]
    valid: Duration | None = None


class ConsentSetForm(Form):
    """Events that grant or withdraw consent; without `channel`, for every channel (rule K1)."""

    on: EventTypes
    purpose: Cel
    channel: Cel | None = None
    granted: Cel
    when: Cel | None = None


class ConsentRevokeForm(Form):
    """Events that withdraw consent (rule K1)."""

    on: EventTypes
    purpose: Cel
    channel: Cel | None = None
    when: Cel | None = None


ConsentSets = Annotated[
    list[ConsentSetForm],
    BeforeValidator(one_or_many, json_schema_input_type=ConsentSetForm | list[ConsentSetForm]),
]
ConsentRevokes = Annotated[
    list[ConsentRevokeForm],
    BeforeValidator(
        one_or_many, json_schema_input_type=ConsentRevokeForm | list[ConsentRevokeForm]
    ),
]


class ConsentForm(Form):
    """Who writes the cells of consent, and what an unknown cell means for a purpose (rule K1)."""

    sets: ConsentSets = Field(default_factory=list, alias="set")
    revoke: ConsentRevokes = Field(default_factory=list)
    default: dict[Name, Literal["granted", "denied"]] = Field(default_factory=dict)


class ReachClauseForm(Form):
    """Events that say something of a channel's address."""

    on: EventTypes
    when: Cel | None = None


ReachClauses = Annotated[list[ReachClauseForm], BeforeValidator(_reach_clauses)]


class ReachForm(Form):
    """Events that make a channel reachable or not (rule K1)."""

    sets: ReachClauses = Field(default_factory=list, alias="set")
    clear: ReachClauses = Field(default_factory=list)


class CustomerDocument(Form):
    """`topologies/customer.yaml`: what is known of a customer, and the only writers of it."""

    traits: dict[Identifier, TraitForm] = Field(default_factory=dict)
    consent: ConsentForm = ConsentForm()
    reachable: dict[Name, ReachForm] = Field(default_factory=dict)
    features: dict[Identifier, FeatureForm] = Field(default_factory=dict)


class PurposeForm(Form):
    """A purpose and the consent that it needs."""

    consent: Literal["opt_in", "opt_out", "none"]


class PoliciesDocument(Form):
    """`topologies/policies.yaml`: what a team file cannot loosen."""

    purposes: Annotated[dict[Name, PurposeForm], Field(min_length=1)]


class ChannelForm(Form):
    """A channel; `hold` is how long its sender keeps a SEND, to be cancelled in time (A7)."""

    topic: Text
    owner: Text
    actions: Annotated[list[Literal["send", "route", "show", "task", "sync"]], Field(min_length=1)]
    hold: Duration | None = None
    expires: Duration | None = None


class ChannelsDocument(Form):
    """`topologies/channels.yaml`: the channels that take commands."""

    channels: Annotated[dict[Name, ChannelForm], Field(min_length=1)]


class MacroStageForm(Form):
    """A macro-stage: the role that answers for it, and what it means."""

    owner: Text
    description: str = ""


class LifecycleDocument(Form):
    """`topologies/lifecycle.yaml`: the company's macro-stages in its own words."""

    stages: Annotated[dict[Name, MacroStageForm], Field(min_length=1)]
