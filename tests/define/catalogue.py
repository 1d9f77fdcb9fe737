"""Event types as `Environment` sees them, without Avro files behind them."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Field:
    kind: str
    nullable: bool = False


@dataclass(frozen=True)
class EventType:
    fields: Mapping[str, Field]


@dataclass(frozen=True)
class Catalogue:
    events: Mapping[str, EventType]
