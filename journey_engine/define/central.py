"""What may be written in the company's files: customer, policies, channels, lifecycle.

Durations are milliseconds.
"""

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from journey_engine.define.calendar_form import CalendarForm
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
from journey_engine.define.ownership import CENTRE
from journey_engine.define.policy_form import (
    Arbitrations,
    CapForm,
    HoldoutForm,
    PurposeForm,
    QuietHoursForm,
    ThemesForm,
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


class AccountForm(Form):
    """The event fields that tell to which account a customer belongs, and in which role (M3)."""

    sources: Annotated[list[FieldOfType], Field(min_length=1, alias="from")]
    role: list[FieldOfType] = Field(default_factory=list)


class CustomerDocument(Form):
    """`topologies/customer.yaml`: what is known of a customer, and the only writers of it."""

    owner: Text = CENTRE
    account: AccountForm | None = None
    traits: dict[Identifier, TraitForm] = Field(default_factory=dict)
    consent: ConsentForm = ConsentForm()
    reachable: dict[Name, ReachForm] = Field(default_factory=dict)
    features: dict[Identifier, FeatureForm] = Field(default_factory=dict)


class PoliciesDocument(Form):
    """`topologies/policies.yaml`: what a team file cannot loosen."""

    owner: Text = CENTRE
    purposes: Annotated[dict[Name, PurposeForm], Field(min_length=1)]
    timezone: Text | None = None
    """For customers whose own zone is not known; UTC where it is left out (rule W5)."""
    calendars: dict[Name, CalendarForm] = Field(default_factory=dict)
    caps: dict[Name, CapForm] = Field(default_factory=dict)
    quiet_hours: list[QuietHoursForm] = Field(default_factory=list)
    arbitration: Arbitrations = Field(default_factory=list)
    holdouts: list[HoldoutForm] = Field(default_factory=list)
    themes: ThemesForm | None = None


class CapacityForm(Form):
    """At most `max` commands in any time of `per` (rule C6)."""

    max: Annotated[int, Field(ge=1, le=1_000_000)]
    per: Duration


_CAPACITY = r"^([1-9][0-9]{0,6}) per ([1-9][0-9]{0,8}[smhdw])$"


def _capacity(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = re.fullmatch(_CAPACITY, value)
    if found is None:
        raise PydanticCustomError("bad_capacity", "not a capacity: write such as `40 per 1h`")
    return {"max": int(found[1]), "per": found[2]}


Capacity = Annotated[
    CapacityForm,
    BeforeValidator(
        _capacity,
        json_schema_input_type=CapacityForm | Annotated[str, Field(pattern=_CAPACITY)],
    ),
]


class ChannelForm(Form):
    """A channel; `hold` is how long its sender keeps a SEND, to be cancelled in time (A7)."""

    topic: Text
    owner: Text
    actions: Annotated[list[Literal["send", "route", "show", "task", "sync"]], Field(min_length=1)]
    hold: Duration | None = None
    expires: Duration | None = None
    capacity: Capacity | None = None


class ChannelsDocument(Form):
    """`topologies/channels.yaml`: the channels that take commands."""

    owner: Text = CENTRE
    channels: Annotated[dict[Name, ChannelForm], Field(min_length=1)]


class MacroStageForm(Form):
    """A macro-stage: the role that answers for it, and what it means."""

    owner: Text
    description: str = ""


class LifecycleDocument(Form):
    """`topologies/lifecycle.yaml`: the company's macro-stages in its own words."""

    owner: Text = CENTRE
    stages: Annotated[dict[Name, MacroStageForm], Field(min_length=1)]
