"""What a `.test.yaml` says, read and checked. Times are milliseconds since the epoch."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from journey_engine.define.expression import Value

Fact = Value | tuple[Value, ...] | Mapping[str, Value]
"""What is known of a happening: a tuple holds values of which any may be asked for."""

ANY = "any"
"""In an expectation: whatever the value is."""


@dataclass(frozen=True, slots=True)
class Given:
    """The customer before the first step. `consent` is keyed `purpose/channel` or `purpose/*`."""

    traits: Mapping[str, Value] = field(default_factory=dict)
    consent: Mapping[str, bool] = field(default_factory=dict)
    reachable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TestStep:
    """An event, or only the passing of time where `event_type` is empty."""

    __test__ = False  # pytest would collect it by its name

    line: int
    at: int
    event_type: str = ""
    fields: Mapping[str, Value] = field(default_factory=dict)
    visitor: str | None = None
    """Whose event it is, while nobody knows the customer; of `IdentityLinked`, whom it means."""
    customer: str | None = None
    """Whose event it is, where it is not that of the test's customer: another of their account."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """One thing that must have happened, or must not (`never`)."""

    line: int
    kind: str
    wanted: Mapping[str, Fact]


@dataclass(frozen=True, slots=True)
class TestCase:
    """One test. `then` holds, for each kind that the test names, the complete list."""

    __test__ = False  # pytest would collect it by its name

    file: str
    line: int
    name: str
    journey: str | None
    """The journey of the file's name; None where no journey has it."""
    given: Given
    steps: tuple[TestStep, ...]
    then: Mapping[str, tuple[Expectation, ...]]
    never: tuple[Expectation, ...]
