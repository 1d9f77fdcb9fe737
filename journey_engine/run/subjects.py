"""What a registry has of the schemas of a folder: the check, and the registration.

A record's subject on a topic is `<topic>-<its full name>` (TopicRecordName): a topic has records of
many types in one order.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

from journey_engine.encode.outgoing import OutKind
from journey_engine.errors import DefinitionError
from journey_engine.run.compatibility import LEVEL, Version, findings
from journey_engine.run.contracts import Published, by_name, schema_of
from journey_engine.run.naming import Names
from journey_engine.run.registry import RefusedSchemaError, RegisteredVersion, Registry
from journey_engine.run.together import together
from journey_engine.schemas import crc, one_line

T = TypeVar("T")
Show = Callable[[int, int], None]
"""Is told how many subjects are done, and of how many."""

AT_ONCE = 8
"""So many subjects are under way at once."""


class Subject(NamedTuple):
    """The versions of a record, in order, on one topic."""

    name: str
    versions: tuple[Published, ...]


class Enrolled(NamedTuple):
    """A version that the registry did not have before."""

    subject: str
    file: str
    id: int


class Outcome(NamedTuple):
    """What was found. `whole` subjects have every version of the files."""

    found: list[DefinitionError]
    subjects: int
    whole: int
    enrolled: list[Enrolled]


class _Held(NamedTuple):
    """What was found of one subject; `level` None: it is held to LEVEL, or not there."""

    found: list[DefinitionError]
    whole: bool
    level: str | None = None
    enrolled: Sequence[Enrolled] = ()


def subject_of(topic: str, record: str) -> str:
    """The subject of a record, by its full name, on a topic."""
    return f"{topic}-{record}"


def subjects(published: Iterable[Published], names: Names) -> list[Subject]:
    """The subjects of all topics: any event may come on any channel."""
    topics = {
        "journey.Command": tuple(names.commands.values()),
        "journey.Transition": (names.outputs[OutKind.TRANSITION],),
        "journey.SendDecision": (names.outputs[OutKind.DECISION],),
    }
    return [
        Subject(subject_of(topic, name), tuple(versions))
        for name, versions in by_name(published).items()
        for topic in topics.get(name, names.inputs)
    ]


async def check(registry: Registry, wanted: Sequence[Subject], show: Show) -> Outcome:
    """Hold what the registry has against the files, and its levels against ours.

    Raises:
        RegistryError: it does not answer.
    """
    there = await registry.subjects()
    default = await registry.level()

    async def held(subject: Subject) -> _Held:
        if subject.name not in there:
            return _Held([], whole=False)
        level = await registry.level(subject.name) or default
        versions = await registry.versions(subject.name)
        kept = None if level == LEVEL else str(level)
        return _Held(_against(subject, versions), not _missing(subject, versions), kept)

    return _outcome(wanted, await _each(wanted, held, show))


async def enroll(registry: Registry, wanted: Sequence[Subject], show: Show) -> Outcome:
    """Register what is missing, each subject held to LEVEL from then on.

    Raises:
        RegistryError: it does not answer; what it took before stays.
    """
    there = await registry.subjects()

    async def enrolled(subject: Subject) -> _Held:
        known = subject.name in there
        if not known or await registry.level(subject.name) != LEVEL:
            await registry.set_level(subject.name, LEVEL)
        versions = await registry.versions(subject.name) if known else []
        return await _enroll(registry, subject, _missing(subject, versions))

    return _outcome(wanted, await _each(wanted, enrolled, show))


async def _enroll(registry: Registry, subject: Subject, missing: Sequence[Published]) -> _Held:
    done: list[Enrolled] = []
    for each in missing:
        try:
            given = await registry.register(subject.name, one_line(each.file.version.schema))
        except RefusedSchemaError as refused:
            message = f"the registry does not take it for {subject.name}: {refused}"
            hint = "compare with `schemas check --registry`"
            finding = DefinitionError(each.file.path, 1, 1, "REGISTRY_REFUSED", message, hint)
            return _Held([finding], whole=False, enrolled=done)
        done.append(Enrolled(subject.name, each.file.path, given))
    return _Held([], whole=True, enrolled=done)


def _missing(subject: Subject, versions: Iterable[RegisteredVersion]) -> list[Published]:
    """The versions of the files that are not registered."""
    schemas = (schema_of(each.text) for each in versions)
    there = {crc(each) for each in schemas if each is not None}
    return [each for each in subject.versions if crc(each.file.version.schema) not in there]


def _against(subject: Subject, versions: Iterable[RegisteredVersion]) -> list[DefinitionError]:
    """How the newest file and what is registered cannot read each other."""
    newest = subject.versions[-1].file
    others, found = [], []
    for each in versions:
        schema = schema_of(each.text)
        named = f"version {each.version} of {subject.name}"
        if schema is None:
            message = f"{named} is no Avro record"
            found.append(DefinitionError(newest.path, 1, 1, "REGISTRY_FOREIGN", message))
        elif crc(schema) != crc(newest.version.schema):
            others.append(Version(named, schema))
    return found + findings(newest, others)


def _outcome(wanted: Sequence[Subject], held: Sequence[_Held]) -> Outcome:
    found = [finding for each in held for finding in each.found]
    lax: dict[str, list[Subject]] = {}
    for subject, each in zip(wanted, held, strict=True):
        if each.level is not None:
            lax.setdefault(each.level, []).append(subject)
    found += [_lax(level, those) for level, those in sorted(lax.items())]
    enrolled = [one for each in held for one in each.enrolled]
    return Outcome(found, len(wanted), sum(each.whole for each in held), enrolled)


def _lax(level: str, those: Sequence[Subject]) -> DefinitionError:
    """One warning for all subjects whose versions may be less compatible than the contract says."""
    first = those[0]
    others = f" and {len(those) - 1} others" if len(those) > 1 else ""
    message = f"the registry holds {first.name}{others} to {level}, not to {LEVEL}"
    hint = "`schemas register` sets it"
    path = first.versions[-1].file.path
    return DefinitionError(path, 1, 1, "REGISTRY_LEVEL", message, hint, warning=True)


async def _each(
    wanted: Sequence[Subject], work: Callable[[Subject], Awaitable[T]], show: Show
) -> list[T]:
    gate, done = asyncio.Semaphore(AT_ONCE), 0

    async def one(subject: Subject) -> T:
        nonlocal done
        async with gate:
            result = await work(subject)
        done += 1
        show(done, len(wanted))
        return result

    return await together(one(subject) for subject in wanted)
