"""What may be written of the calendar: `at` of a transition, `calendars` of policies.yaml (W2)."""

import re
from collections.abc import Sequence
from typing import Annotated, Final, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from journey_engine.define.form import Cel, Date, Duration, Form, Name, Text, one_or_many

CUSTOMER: Final = "customer"
"""As `tz`: the customer's own zone."""
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CLOSED_MAX: Final = 500
"""Most closed days of a calendar."""
_TIME = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DayName = Literal["workdays", "weekends", "mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def parse_time_of_day(value: object) -> int:
    """Milliseconds since midnight of a time of day such as `09:00` or `22:30`."""
    if not isinstance(value, str) or not re.fullmatch(_TIME, value):
        raise PydanticCustomError("bad_time", "not a time of day: write 09:00 or 22:30")
    return (int(value[:2]) * 60 + int(value[3:])) * 60_000


TimeOfDay = Annotated[
    int,
    BeforeValidator(parse_time_of_day),
    WithJsonSchema({"type": "string", "pattern": _TIME, "examples": ["09:00", "22:30"]}),
]
DayNames = Annotated[
    list[DayName],
    Field(min_length=1),
    BeforeValidator(one_or_many, json_schema_input_type=DayName | list[DayName]),
]


def _monday_to_friday() -> list[Weekday]:
    return ["mon", "tue", "wed", "thu", "fri"]


class CalendarForm(Form):
    """A calendar: the weekdays that are workdays, and the days that are closed all the same."""

    week: Annotated[list[Weekday], Field(min_length=1, default_factory=_monday_to_friday)]
    closed: Annotated[list[Date], Field(max_length=CLOSED_MAX)] = Field(default_factory=list)


class AtForm(Form):
    """A wait on the calendar (rules W2 to W4)."""

    date: Cel | None = None
    months: Annotated[int, Field(ge=-1_200, le=1_200)] | None = None
    days: Annotated[int, Field(ge=-36_500, le=36_500)] | None = None
    workdays: Annotated[int, Field(ge=-1_000, le=1_000)] | None = None
    time: TimeOfDay | None = None
    tz: Text | None = None
    only: DayNames | None = None
    calendar: Name | None = None
    if_past: Literal["run", "skip", "exit"] | None = None
    spread: Duration | None = None
    yearly: bool = False

    @property
    def moves(self) -> bool:
        """Whether it says which day, by a date or an offset; else it is the next such time."""
        return any(value is not None for value in (self.date, *self._offsets()))

    def _offsets(self) -> Sequence[int | None]:
        return (self.months, self.days, self.workdays)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.moves and self.time is None:
            raise PydanticCustomError(
                "at_empty", "it does not say when: add `date`, `months`, `days`, `workdays`, `time`"
            )
        if self.yearly and self.date is None:
            raise PydanticCustomError(
                "yearly_without_date", "`yearly` stands without a date: add `date`"
            )
        if self.date is not None and self.if_past is None and not self.yearly:
            raise PydanticCustomError(
                "if_past_missing", "a `date` may be past: add `if_past: run`, `skip` or `exit`"
            )
        if self.if_past is not None and not self.moves:
            raise PydanticCustomError(
                "if_past_of_next", "the next such time is never past: leave `if_past` out"
            )
        return self
