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


Time = Annotated[int | None, Parameter(converter=_written(_time), metavar="TIME")]
"""A time (ISO 8601 with an offset), in milliseconds since the epoch."""
Day = Annotated[dt.date | None, Parameter(converter=_written(_day), metavar="DAY")]
"""A day, as 2027-03-01."""
Duration = Annotated[int | None, Parameter(converter=_written(_duration), metavar="DURATION")]
"""A duration as definitions have it (30m), in milliseconds."""
