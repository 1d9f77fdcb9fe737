"""Options that are times, days or durations; a wrong one is wrong usage."""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from cyclopts import Parameter, Token

T = TypeVar("T")


def _written(read: Callable[[str], T]) -> Callable[[object, Sequence[Token]], T]:
    """A converter of the one word that was given."""
    return lambda _, tokens: read(tokens[0].value)


def _time(text: str) -> int:
    from journey_engine.decode.log import Place, milliseconds
    from journey_engine.errors import DefinitionErrors

    try:
        return milliseconds(text, Place(text, 1))
    except DefinitionErrors as wrong:
        message = f"{wrong.errors[0].message}: write such as 2027-03-01T09:00:00Z"
        raise ValueError(message) from None


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"`{text}` is not a day: write such as 2027-03-01") from None


def _duration(text: str) -> int:
    from pydantic_core import PydanticCustomError

    from journey_engine.define.form import parse_duration

    try:
        return parse_duration(text)
    except PydanticCustomError as wrong:
        raise ValueError(f"`{text}`: {wrong.message()}") from None


def _amount(text: str) -> int:
    digits, factor = (text[:-1], _FACTORS[text[-1:]]) if text[-1:] in _FACTORS else (text, 1)
    if not digits.isdigit() or int(digits) == 0:
        raise ValueError(f"`{text}` is no amount: write such as 500000, 500k or 10M")
    return int(digits) * factor


_FACTORS = {"k": 1_000, "M": 1_000_000}
Amount = Annotated[int, Parameter(converter=_written(_amount), metavar="AMOUNT")]
"""A whole number from 1, also as 500k or 10M."""
_TIME = Parameter(converter=_written(_time), metavar="TIME")
Instant = Annotated[int, _TIME]
"""A time (ISO 8601 with an offset), in milliseconds since the epoch."""
Time = Annotated[int | None, _TIME]
"""The same, where it may be left out."""
Day = Annotated[dt.date | None, Parameter(converter=_written(_day), metavar="DAY")]
"""A day, as 2027-03-01."""
Duration = Annotated[int | None, Parameter(converter=_written(_duration), metavar="DURATION")]
"""A duration as definitions have it (30m), in milliseconds."""
