"""The forms that definition files are made of: strict mappings, durations, names, expressions.

Rule F2. Durations are milliseconds.
"""

import datetime as dt
import re
from collections.abc import Iterable
from typing import Annotated, Any, Final, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

_UNIT_MS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
DURATION_MAX: Final = 36_500 * _UNIT_MS["d"]
"""The longest duration that a file may name, in milliseconds."""
_DURATION = r"^[1-9][0-9]{0,8}[smhdw]$"
_SHARE = r"^([0-9]{1,3})(?:\.([0-9]{1,2}))?%$"
_NAME = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"
_IDENTIFIER = r"^[A-Za-z_][A-Za-z0-9_]{0,63}$"
_WHOLE: Final = 10_000
EMPTY: Final = "empty"
"""The type of the error of a key without a value."""
_EMPTY: Final = PydanticCustomError(EMPTY, "the key has no value")
_FIELD_OF_TYPE = r"^[A-Za-z][A-Za-z0-9_]*\.[A-Za-z_][A-Za-z0-9_]*$"


def parse_duration(value: object) -> int:
    """Milliseconds of a duration such as `90s 30m 4h 3d 2w` (rule F2)."""
    if not isinstance(value, str) or not re.fullmatch(_DURATION, value):
        raise PydanticCustomError(
            "bad_duration",
            "not a duration: write a whole number and one of s m h d w, such as 30m or 4h",
        )
    duration = int(value[:-1]) * _UNIT_MS[value[-1]]
    if duration > DURATION_MAX:
        raise PydanticCustomError("bad_duration", "longer than 100 years: write at most 36500d")
    return duration


def parse_share(value: object) -> int:
    """Hundredths of a per cent of a share such as `20%` or `12.5%` (rule F2)."""
    found = re.fullmatch(_SHARE, value) if isinstance(value, str) else None
    share = int(found[1]) * 100 + int((found[2] or "").ljust(2, "0")) if found else _WHOLE + 1
    if share > _WHOLE:
        raise PydanticCustomError(
            "bad_share", "not a share: write 0% to 100%, with at most two decimals"
        )
    return share


def _expression(value: object) -> object:
    # A bare number or boolean is its own CEL literal.
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def one_or_many(value: object) -> object:
    """A list, of one where a single value was written."""
    return value if isinstance(value, list) else [value]


def _date(value: object) -> object:
    if isinstance(value, str):
        try:
            if dt.date.fromisoformat(value).isoformat() == value:
                return value
        except ValueError:
            pass
        raise PydanticCustomError("bad_date", "not a date: write 2027-03-01")
    return value


VERSION_MAX: Final = 2**31 - 1
"""Largest version of a journey: an `int` of Avro."""
Version = Annotated[int, Field(ge=1, le=VERSION_MAX)]
Duration = Annotated[
    int,
    BeforeValidator(parse_duration),
    WithJsonSchema({"type": "string", "pattern": _DURATION, "examples": ["30m", "4h", "3d"]}),
]
Share = Annotated[
    int,
    BeforeValidator(parse_share),
    WithJsonSchema({"type": "string", "pattern": _SHARE, "examples": ["20%", "12.5%"]}),
]
"""In hundredths of a per cent."""
Date = Annotated[str, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date"})]
Cel = Annotated[
    str,
    Field(min_length=1),
    BeforeValidator(_expression, json_schema_input_type=str | float | bool),
]
Text = Annotated[str, Field(min_length=1)]
Name = Annotated[str, Field(pattern=_NAME)]
"""Of journeys, stages, channels, purposes, actions, labels."""
Identifier = Annotated[str, Field(pattern=_IDENTIFIER)]
"""Of what guards read by name: context, features, traits."""
FieldOfType = Annotated[str, Field(pattern=_FIELD_OF_TYPE)]
"""`Type.field`."""
EventTypes = Annotated[
    list[Identifier],
    Field(min_length=1),
    BeforeValidator(one_or_many, json_schema_input_type=Identifier | list[Identifier]),
]


class Form(BaseModel):
    """A mapping with known keys; another key is an error that names the known ones. A key with no
    value is one, too: as good as not written, it would undo what its author was about to say.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @model_validator(mode="wrap")
    @classmethod
    def _check_keys(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:  # noqa: ANN401 - the validator sees whatever was written
        found: list[InitErrorDetails] = []
        form: Self | None = None
        try:
            form = handler(data)
        except ValidationError as error:
            found = [_detail(cls, item) for item in error.errors(include_url=False)]
        told = {item["loc"][0] for item in found if item["loc"]}
        empty = [key for key, value in _items(data) if value is None and key not in told]
        found += [InitErrorDetails(type=_EMPTY, loc=(key,), input=None) for key in empty]
        if form is None or found:
            raise ValidationError.from_exception_data(cls.__name__, found)
        return form


def _items(data: object) -> Iterable[tuple[str, object]]:
    return data.items() if isinstance(data, dict) else ()


def _detail(form: type[BaseModel], error: ErrorDetails) -> InitErrorDetails:
    kind = PydanticCustomError(error["type"], error["msg"], error.get("ctx"))
    if error["type"] == "extra_forbidden":
        known = [info.alias or name for name, info in form.model_fields.items()]
        kind = PydanticCustomError("unknown_key", "unknown key", {"known": known})
    return InitErrorDetails(type=kind, loc=error["loc"], input=error["input"])


class FeatureForm(Form):
    """`features.<name>` (rule K2): one of the operations over a type or one of its fields."""

    count: Identifier | None = None
    sum: FieldOfType | None = None
    min: FieldOfType | None = None
    max: FieldOfType | None = None
    first: Annotated[str, Field(pattern=r"^[A-Za-z][\w.]*$")] | None = None
    last: Annotated[str, Field(pattern=r"^[A-Za-z][\w.]*$")] | None = None
    recent: FieldOfType | None = None
    distinct: FieldOfType | None = None
    fields_: list[Identifier] = Field(default_factory=list, alias="fields")
    where: Cel | None = None
    within: Duration | None = None
    keep: Annotated[int, Field(ge=1, le=64)] | None = None
    warm_up: Duration | None = None
