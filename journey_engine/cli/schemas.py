"""`journey-engine schemas`."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import cyclopts
import msgspec
from cyclopts import Parameter

from journey_engine.cli.connection import Misused, Refused, load_settings, names_of
from journey_engine.cli.console import amount, fail, out, print_json
from journey_engine.cli.groups import AUTHORS
from journey_engine.cli.options import HERE, Definitions

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from journey_engine.errors import DefinitionError
    from journey_engine.run.contracts import Published
    from journey_engine.run.revisions import Past
    from journey_engine.run.settings import Settings
    from journey_engine.run.subjects import Outcome, Show, Subject

Url = Annotated[str | None, Parameter(name="--registry")]
Channels = Annotated[tuple[str, ...], Parameter(name="--channel", negative="")]

schemas = cyclopts.App(
    name="schemas",
    help="Check that schemas stay compatible, and register them with a Schema Registry.",
    group=AUTHORS,
    version_flags=[],
)


@schemas.command
def check(
    *,
    base: str | None = None,
    history: bool = False,
    registry: Url = None,
    config: Path | None = None,
    prefix: str | None = None,
    definitions: Definitions = HERE,
    json: bool = False,
) -> int:
    """See that every schema reads, and is read by, every other version of it (FULL_TRANSITIVE).

    Always: the versions of each event type among themselves. With `--base`: that nothing which
    was published in that git revision is changed or gone, and that the engine's records are
    compatible with what they were; with `--history` the same with every revision. With
    `--registry` (or `JOURNEY_REGISTRY_URLS`): with what is registered.

    Exit code 0: all good, 1: errors. Warnings alone are good.

    For example:

        journey-engine schemas check --base origin/main

        journey-engine schemas check --registry https://registry:8081

    Args:
        base: The git revision that the changes are made to.
        history: Compare with every revision in git.
        registry: The registry's URL, several with commas.
        config: A settings file in YAML; the environment wins over it.
        prefix: What stands before every topic's name; else `JOURNEY_TOPIC_PREFIX`.
        json: Print the findings as one JSON document.
    """
    from journey_engine.run import contracts
    from journey_engine.run.compatibility import CheckerMissingError

    if base is not None and history:
        raise Misused("--history looks at every revision: leave --base out")
    folder = definitions.schemas
    settings = load_settings(config, registry_urls=registry, topic_prefix=prefix)
    published = contracts.read_published(folder)
    counts = {"schemas": len(published)}
    try:
        found = contracts.among_themselves(published)
        past = _past(folder, base, history=history, quiet=json)
        found += contracts.since(folder, published, past)
        if settings.registry_urls:
            wanted = _subjects(published, settings, definitions)
            told, more = _held(settings, wanted, folder, quiet=json)
            found, counts = found + told, counts | more
    except CheckerMissingError as error:
        raise Refused(str(error)) from error
    counts |= {"past": len(past)}
    return _tell(found, counts, "compatible", json=json)


@schemas.command
def register(
    *types: str,
    channel: Channels = (),
    registry: Url = None,
    config: Path | None = None,
    prefix: str | None = None,
    definitions: Definitions = HERE,
    json: bool = False,
) -> int:
    """Register every schema for every topic it may lie on; what is registered stays as it is.

    The subjects are `<topic>-<record>` (TopicRecordName), each held to FULL_TRANSITIVE from then
    on. All that the registry refuses is told at once, with exit code 1; the rest is registered.

    For example:

        journey-engine schemas register --registry https://registry:8081

        journey-engine schemas register OrderPlaced --channel web

    Args:
        types: Event types, and `Command`, `Transition` or `SendDecision`; none: all.
        channel: Only for the topics of this channel; may be given several times.
        registry: The registry's URL, several with commas; else `JOURNEY_REGISTRY_URLS`.
        config: A settings file in YAML; the environment wins over it.
        prefix: What stands before every topic's name; else `JOURNEY_TOPIC_PREFIX`.
        json: Print what was registered as one JSON document.
    """
    from journey_engine.run import contracts, subjects
    from journey_engine.run.registry import RegistryError

    settings = load_settings(config, registry_urls=registry, topic_prefix=prefix)
    if not settings.registry_urls:
        raise Misused("name the registry with --registry or JOURNEY_REGISTRY_URLS")
    published = contracts.read_published(definitions.schemas)
    chosen = [each for each in published if not types or each.name.rpartition(".")[2] in types]
    known = {each.name.rpartition(".")[2] for each in published}
    if wrong := sorted(set(types) - known):
        raise Misused(f"there is no schema of {', '.join(wrong)}")
    wanted = _subjects(chosen, settings, definitions)
    if channel:
        ends = tuple(f".{each}.v1-" for each in channel)
        wanted = [each for each in wanted if any(end in each.name for end in ends)]
    try:
        outcome = _ask(settings, subjects.enroll, wanted, quiet=json)
    except RegistryError as error:
        raise Refused(str(error)) from error
    if not json:
        for each in outcome.enrolled:
            out.print(f"{each.subject}: {each.file} has the id {each.id}", highlight=False)
    counts = {"subjects": outcome.subjects, "registered": outcome.whole}
    enrolled = [each._asdict() for each in outcome.enrolled]
    return _tell(outcome.found, counts, "registered", json=json, new=enrolled)


def _past(folder: Path, base: str | None, *, history: bool, quiet: bool) -> "list[Past]":
    from journey_engine.run.revisions import schemas_at, schemas_ever

    if base is not None:
        return schemas_at(folder, base)
    if not history:
        return []
    with amount("commits", quiet=quiet) as show:
        return schemas_ever(folder, lambda done, of: show("history", done, of))


def _subjects(
    published: "list[Published]", settings: "Settings", definitions: Definitions
) -> "list[Subject]":
    from journey_engine.run.subjects import subjects

    return subjects(published, names_of(settings, definitions))


def _held(
    settings: "Settings", wanted: "list[Subject]", folder: Path, *, quiet: bool
) -> "tuple[list[DefinitionError], dict[str, int]]":
    """What is wrong between registry and files; no answer is a finding beside the others."""
    from journey_engine.errors import DefinitionError
    from journey_engine.run.registry import RegistryError
    from journey_engine.run.subjects import check

    try:
        outcome = _ask(settings, check, wanted, quiet=quiet)
    except RegistryError as error:
        hint, code = "the checks without it were made", "REGISTRY_UNREACHABLE"
        return [DefinitionError(str(folder), 1, 1, code, str(error), hint)], {}
    return outcome.found, {"subjects": outcome.subjects, "registered": outcome.whole}


def _ask(
    settings: "Settings",
    work: "Callable[..., Coroutine[Any, Any, Outcome]]",
    wanted: "list[Subject]",
    *,
    quiet: bool,
) -> "Outcome":
    from journey_engine.run.registry import Registry

    async def ask(show: "Show") -> "Outcome":
        async with Registry(settings) as registry:
            return await work(registry, wanted, show)

    with amount("subjects", quiet=quiet) as show:
        return asyncio.run(ask(lambda done, of: show("registry", done, of)))


def _tell(
    found: "list[DefinitionError]",
    counts: dict[str, int],
    good: str,
    *,
    json: bool,
    **more: object,
) -> int:
    findings = sorted(set(found))
    errors = [msgspec.to_builtins(each) for each in findings if not each.warning]
    warnings = [msgspec.to_builtins(each) for each in findings if each.warning]
    if json:
        print_json({"ok": not errors, "errors": errors, "warnings": warnings, **counts, **more})
        return 1 if errors else 0
    for each in findings:
        fail(str(each))
    said = ", ".join(f"{count} {name}" for name, count in counts.items())
    if findings:
        fail(f"{len(errors)} error(s), {len(warnings)} warning(s)")
    if not errors:
        out.print(f"all {good}: {said}", highlight=False)
    return 1 if errors else 0
