"""What an operator does with the topic of definitions: publish, activate, roll back (rule V2)."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from journey_engine.define.compiler import JOURNEYS_FOLDER, compile_plan
from journey_engine.define.document import JourneyDocument
from journey_engine.define.place import Place
from journey_engine.define.reading import read_document
from journey_engine.define.topics import Topics, TopicSpec
from journey_engine.define.versions import file_stem, is_kept, same_meaning
from journey_engine.encode.definition import (
    FORMER_MAX,
    Active,
    Contents,
    Part,
    Published,
    PublishedJourney,
    PublishedPlan,
    encode_definition,
    key_of,
)
from journey_engine.errors import DefinitionError, DefinitionErrors
from journey_engine.run.clock import wall_ms
from journey_engine.run.orders import activates, tell
from journey_engine.run.producers import Output
from journey_engine.run.producing import Message
from journey_engine.run.published import TOPIC
from journey_engine.run.settings import Settings
from journey_engine.run.zones import load_zones
from journey_engine.schemas import Schemas

Read = tuple[JourneyDocument, Place]


def topic_of(topics: Topics) -> TopicSpec:
    """The topic of definitions, kept as the ledger is."""
    like = topics.internal["ledger"]
    return replace(like, name=TOPIC, partitions=1, cleanup="compact")


def compose(
    contents: Contents,
    files: Mapping[str, str],
    schemas: Schemas,
    dropped: Collection[str] = (),
) -> tuple[PublishedPlan, list[Published]]:
    """The plan of these files, and the records that publish it. Versions of its journeys that are
    in force and that it does not have are kept, but those `dropped` (`cart@1`).

    Raises:
        DefinitionErrors: files that are wrong, a version that stands for something else already, or
            one lower than a published one.
    """
    errors: list[DefinitionError] = []
    read = {
        path: read_document(path, text, JourneyDocument, errors) for path, text in _journeys(files)
    }
    found = {path: one for path, one in read.items() if one is not None}
    for path, (document, place) in found.items():
        _check(contents, document, place, newest=not is_kept(path))
    if errors:
        raise DefinitionErrors(errors)
    parts = [Part(one.journey, one.version, kept=is_kept(path)) for path, (one, _) in found.items()]
    parts += _left_over(contents, parts, dropped)
    published = [
        PublishedJourney(one.journey, one.version, files[path]) for path, (one, _) in found.items()
    ]
    company = {PurePosixPath(p).name: text for p, text in files.items() if p not in read}
    return _plan(contents, company, parts, published, schemas)


def former(contents: Contents, schemas: Schemas) -> tuple[PublishedPlan, list[Published]] | None:
    """The plan that was in force before, with the versions kept that came after it; None if there
    was none.

    Raises:
        DefinitionErrors: it is wrong by now.
    """
    active = contents.active
    if active is None or not active.former or active.former[-1] not in contents.plans:
        return None
    before = contents.plans[active.former[-1]]
    parts = [*before.journeys, *_left_over(contents, before.journeys, ())]
    return _plan(contents, before.company, parts, [], schemas)


def _plan(
    contents: Contents,
    company: dict[str, str],
    parts: list[Part],
    journeys: list[PublishedJourney],
    schemas: Schemas,
) -> tuple[PublishedPlan, list[Published]]:
    known = contents.journeys | {(one.journey, one.version): one for one in journeys}
    draft = PublishedPlan("", wall_ms(), company, parts)
    texts = contents._replace(journeys=known).texts(draft)
    compiled = compile_plan(texts, schemas, load_zones())
    plan = PublishedPlan(compiled.hash, draft.at, company, parts)
    return plan, [*journeys, plan]


def _journeys(files: Mapping[str, str]) -> list[tuple[str, str]]:
    """The journeys' files."""
    return [(p, t) for p, t in files.items() if JOURNEYS_FOLDER in PurePosixPath(p).parent.parts]


def _check(contents: Contents, document: JourneyDocument, place: Place, *, newest: bool) -> None:
    at, name = place.at("version"), document.journey
    there = contents.journeys.get((name, document.version))
    if there is not None:
        before = read_document(place.file, there.text, JourneyDocument, [])
        if before is not None and not same_meaning(before[0], document):
            message = f"version {document.version} of `{name}` was published with another content"
            at.error("VERSION_CONTENT", message, "raise the version")
    highest = max((v for one, v in contents.journeys if one == name), default=0)
    if newest and document.version < highest:
        message = f"version {highest} of `{name}` was published already"
        hint = "raise the version, or go back with `journey-engine definitions rollback`"
        at.error("VERSION_ORDER", message, hint)


def _left_over(contents: Contents, parts: list[Part], dropped: Collection[str]) -> list[Part]:
    """The versions in force of these journeys that are not among them."""
    active = None if contents.active is None else contents.plans.get(contents.active.hash)
    if active is None:
        return []
    names = {part.journey for part in parts}
    there = {(part.journey, part.version) for part in parts}
    return [
        Part(part.journey, part.version, kept=True)
        for part in active.journeys
        if part.journey in names
        and (part.journey, part.version) not in there
        and file_stem(part.journey, part.version) not in dropped
    ]


async def write(settings: Settings, records: list[Published]) -> None:
    """Write to the topic.

    Raises:
        KafkaError: it was not acknowledged.
    """
    output = Output(settings)
    await output.start()
    try:
        topic = settings.topic_prefix + TOPIC
        messages = [Message(key_of(each), encode_definition(each)) for each in records]
        await output.write(topic, 0, messages)
    finally:
        await output.stop()


async def activate(
    settings: Settings, topics: Topics, contents: Contents, plan: PublishedPlan
) -> int:
    """Tell every partition, and note it for partitions to come; how many were told.

    Raises:
        BrokerAbsentError, TopicsError: the inbox is not there, or not as it is declared.
        KafkaError: not all acknowledged it: activate it again, it does no harm.
    """
    told = await tell(settings, topics, activates(plan.hash))
    active = contents.active
    before = [] if active is None else [one for one in active.former if one != plan.hash]
    if active is not None and active.hash != plan.hash:
        before.append(active.hash)
    await write(settings, [Active(plan.hash, wall_ms(), before[-FORMER_MAX:])])
    return told
