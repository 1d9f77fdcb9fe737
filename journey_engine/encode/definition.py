"""Definitions to records of their topic and back (contracts, `journey.definitions.v1`): JSON.

A version of a journey is written once, under a key of its own; a plan names the versions that it
consists of, and holds the company's files. The record `active` says which plan is in force.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

ACTIVE_KEY = b"active"
_JOURNEY, _PLAN = "journey", "plan"
FORMER_MAX = 32
"""Plans remembered as those that were in force."""


class PublishedJourney(msgspec.Struct, frozen=True):
    """One version of a journey; `text` is its file."""

    journey: str
    version: int
    text: str


class Part(msgspec.Struct, frozen=True):
    """A version in a plan; `kept`: nobody enters it."""

    journey: str
    version: int
    kept: bool = False


class PublishedPlan(msgspec.Struct, frozen=True):
    """All definitions together; `company` the text of the company's files by name, `at` when it
    was published, in milliseconds.
    """

    hash: str
    at: int
    company: dict[str, str]
    journeys: list[Part]


class Active(msgspec.Struct, frozen=True):
    """The plan in force since `at`, and those before it, the latest last."""

    hash: str
    at: int
    former: list[str] = []


Published = PublishedJourney | PublishedPlan | Active


class DefinitionError(ValueError):
    """Bytes that are no record of a definition."""


class Contents(NamedTuple):
    """What the topic holds."""

    journeys: dict[tuple[str, int], PublishedJourney]
    plans: dict[str, PublishedPlan]
    active: Active | None

    def texts(self, plan: PublishedPlan) -> dict[str, str]:
        """The files of a plan by path, as `compile_plan` takes them.

        Raises:
            KeyError: a version is not there.
        """
        files = dict(plan.company)
        for part in plan.journeys:
            kept = f"@{part.version}" if part.kept else ""
            found = self.journeys[part.journey, part.version]
            files[f"journeys/{part.journey}{kept}.yaml"] = found.text
        return files


def key_of(published: Published) -> bytes:
    """The key under which it lies."""
    if isinstance(published, PublishedJourney):
        return f"{_JOURNEY}/{published.journey}/{published.version}".encode()
    return ACTIVE_KEY if isinstance(published, Active) else f"{_PLAN}/{published.hash}".encode()


def encode_definition(published: Published) -> bytes:
    """The record's value."""
    return msgspec.json.encode(published)


def decode_definition(key: bytes, value: bytes) -> Published:
    """The record.

    Raises:
        DefinitionError: it is none.
    """
    kind = key.partition(b"/")[0].decode(errors="replace")
    types = {_JOURNEY: PublishedJourney, _PLAN: PublishedPlan, ACTIVE_KEY.decode(): Active}
    try:
        found: Published = msgspec.json.decode(value, type=types[kind])
    except (KeyError, msgspec.MsgspecError) as error:
        raise DefinitionError(f"no definition: {error}") from error
    return found


def contents_of(records: Iterable[tuple[bytes | None, bytes | None]]) -> Contents:
    """What the topic holds, from its records in order; what is none is passed over."""
    latest: dict[bytes, bytes] = {}
    for key, value in records:
        if key is not None and value is not None:
            latest[key] = value
        elif key is not None:
            latest.pop(key, None)
    return of_latest(latest)


def of_latest(latest: Mapping[bytes, bytes]) -> Contents:
    """As `contents_of`, from the latest value of each key."""
    contents = Contents({}, {}, None)
    for key, value in latest.items():
        try:
            found = decode_definition(key, value)
        except DefinitionError:
            continue
        if isinstance(found, PublishedJourney):
            contents.journeys[found.journey, found.version] = found
        elif isinstance(found, PublishedPlan):
            contents.plans[found.hash] = found
        else:
            contents = contents._replace(active=found)
    return contents
