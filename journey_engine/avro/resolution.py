"""Whether a field written as one type can be read as another (Avro, schema resolution)."""

from collections.abc import Mapping
from typing import Final

_WIDER: Final[Mapping[str, frozenset[str]]] = {
    "int": frozenset({"long", "float", "double"}),
    "long": frozenset({"float", "double"}),
    "float": frozenset({"double"}),
}
"""As what a reader may read a number (Avro, schema resolution)."""


def fits(now: object, then: object) -> bool:
    """Whether a field written as type `then` can be read as `now`; a nullable one as such only."""
    match then, now:
        case ["null", was], ["null", is_now]:
            return _reads(is_now, was)
        case _, ["null", is_now]:
            return _reads(is_now, then)
        case _:
            return _reads(now, then)


def _reads(now: object, then: object) -> bool:
    """Whether what was written as type `then` can be read as `now`; an enum keeps its name."""
    match then, now:
        case str(), str():
            return then == now or now in _WIDER.get(then, ())
        case {"type": "enum", "name": was}, {"type": "enum", "name": is_now}:
            return bool(was == is_now)
        case _:
            return then == now
