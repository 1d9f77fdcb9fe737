"""What may be written of contact policy (section C, rule J4). Durations are milliseconds."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from journey_engine.define.calendar_form import TimeOfDay, Weekday
from journey_engine.define.form import Cel, Date, Duration, Form, Name, Share, Text, one_or_many
from journey_engine.errors import CandidateOutcome

CAP_MAX = 256
"""The largest cap: fewer messages than are remembered of a customer."""
ELSE = "else"
CONTINUE = "continue"
FOLLOWED = tuple(
    outcome.value
    for outcome in (
        CandidateOutcome.NO_CONSENT,
        CandidateOutcome.UNREACHABLE,
        CandidateOutcome.GUARD_FALSE,
        CandidateOutcome.GUARD_ERROR,
        CandidateOutcome.QUIET_HOURS,
        CandidateOutcome.CAP_REACHED,
        CandidateOutcome.THEME_CONFLICT,
        CandidateOutcome.LOWER_PRIORITY,
        CandidateOutcome.CAPACITY,
        CandidateOutcome.HELD,
        CandidateOutcome.EXPIRED,
        CandidateOutcome.PAUSED,
    )
)
"""The outcomes that `on_suppressed` may name. Not `CANCELLED`, by which the instance has moved on
already, nor `HOLDOUT`: who is held out goes through the journey like everybody (rule J4).
"""


class PurposeForm(Form):
    """A purpose: the consent that it needs, and what its messages must respect. `teams` are the
    owners whose journeys may have it; without them, all.
    """

    consent: Literal["opt_in", "opt_out", "none"]
    teams: Annotated[list[Text], Field(min_length=1)] | None = None
    quiet: Literal["defer", "skip", "ignore"] | None = None
    obeys: list[Name] = Field(default_factory=list)
    counts: list[Name] = Field(default_factory=list)
    arbitrate: bool = False


class CapForm(Form):
    """At most so many messages in a period (rule C3)."""

    max: Annotated[int, Field(ge=1, le=CAP_MAX)]
    rolling: Duration | None = None
    calendar: Literal["day", "week", "month"] | None = None
    channels: Annotated[list[Name], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.rolling is None) == (self.calendar is None):
            raise PydanticCustomError(
                "cap_period", "a cap has one period: write `rolling` or `calendar`"
            )
        return self


class QuietHoursForm(Form):
    """Hours in which nothing is sent, by the customer's clock (rule C4)."""

    start: TimeOfDay
    end: TimeOfDay
    days: Annotated[list[Weekday], Field(min_length=1)] | None = None
    channels: Annotated[list[Name], Field(min_length=1)] | None = None
    purposes: Annotated[list[Name], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.start == self.end:
            raise PydanticCustomError(
                "quiet_empty", "`start` and `end` are the same: write two times"
            )
        return self


class ArbitrationForm(Form):
    """How a purpose collects its candidates, and how many of them win (rule C5)."""

    purpose: Name
    slots: Annotated[list[TimeOfDay], Field(min_length=1, max_length=24)] | None = None
    collect: Duration | None = None
    winners: Annotated[int, Field(ge=1, le=CAP_MAX)] = 1
    losers: Literal["drop", "defer"] = "drop"
    score: Literal["pcvl"] = "pcvl"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.slots is None) == (self.collect is None):
            raise PydanticCustomError(
                "slots_or_collect", "an arbitration waits in one way: write `slots` or `collect`"
            )
        return self


class HoldoutForm(Form):
    """Customers kept without messages of some purposes (rule J4)."""

    id: Name
    share: Share
    purposes: Annotated[list[Name], Field(min_length=1)]
    until: Date | None = None


class ThemesForm(Form):
    """The themes that there are, which of them contradict each other, and for how long (C1)."""

    names: list[Name] | None = None
    """All that may be had; None: any."""
    conflicts: list[Annotated[list[Name], Field(min_length=2)]] = Field(default_factory=list)
    within: Duration | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if bool(self.conflicts) != (self.within is not None):
            raise PydanticCustomError(
                "themes_within", "one of `conflicts` and `within` is missing: they go together"
            )
        return self


Arbitrations = Annotated[
    list[ArbitrationForm],
    BeforeValidator(one_or_many, json_schema_input_type=ArbitrationForm | list[ArbitrationForm]),
]


class HoldsForm(Form):
    """What a journey keeps back of others while it lives (rule C8)."""

    purposes: Annotated[list[Name], Field(min_length=1)] | None = None
    themes: Annotated[list[Name], Field(min_length=1)] | None = None
    journeys: Annotated[list[Name], Field(min_length=1)] | None = None
    then: Literal["drop", "defer"]
    at_most: Duration

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not (self.purposes or self.themes or self.journeys):
            raise PydanticCustomError(
                "holds_nothing", "it holds nothing: name `purposes`, `themes` or `journeys`"
            )
        return self


class ScoreForm(Form):
    """The factors of a score (rule C5)."""

    propensity: Cel | None = None
    context: Cel | None = None
    value: Cel | None = None
    lever: Cel | None = None


def _on_suppressed(value: object) -> object:
    """By outcome (or `else`) the stage to go to, `end` or `continue`; what goes without saying is
    left out, so that it makes no other plan.
    """
    if not isinstance(value, dict) or set(value) == {"to"}:
        value = {ELSE: value}
    for outcome in value:
        if outcome not in {*FOLLOWED, ELSE}:
            raise PydanticCustomError(
                "bad_on_suppressed",
                "`{outcome}` is no outcome that can be followed: write {known} or else",
                {"outcome": outcome, "known": ", ".join(FOLLOWED)},
            )
    targets = {outcome: _target(target) for outcome, target in value.items()}
    others = targets.pop(ELSE, CONTINUE)
    named = {outcome: target for outcome, target in targets.items() if target != others}
    return named if others == CONTINUE else {**named, ELSE: others}


def _target(value: Any) -> str:  # noqa: ANN401 - whatever was written
    if isinstance(value, dict) and set(value) == {"to"} and isinstance(value["to"], str):
        return str(value["to"])
    if value in (CONTINUE, "end"):
        return str(value)
    raise PydanticCustomError(
        "bad_on_suppressed",
        "it does not say where to go: `continue`, `end`, {to: <stage>}, or these by outcome",
    )


_ONE: list[dict[str, Any]] = [
    {"enum": [CONTINUE, "end"]},
    {"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]},
]
OnSuppressed = Annotated[
    dict[str, Name],
    BeforeValidator(_on_suppressed),
    WithJsonSchema({"anyOf": [*_ONE, {"type": "object", "additionalProperties": {"anyOf": _ONE}}]}),
]
"""By outcome, or `else`: a stage, `end` or `continue` (rule C9)."""
