"""Versions of a journey side by side (rule V1).

`journeys/cart.yaml` is the version that is entered; `journeys/cart@2.yaml` keeps version 2 as it
was, for those who entered it. Exits and holds of a kept version are not read: they are those of
the one that is entered.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Final, NamedTuple

from journey_engine.define.document import JourneyDocument
from journey_engine.define.migration_plan import Fate, Move
from journey_engine.define.place import Place, suggestion
from journey_engine.define.reading import read_document
from journey_engine.errors import DefinitionError

Read = tuple[JourneyDocument, Place]
_FOLDER: Final = "journeys"
_TEST: Final = ".test.yaml"
AT: Final = "@"
"""Between the name of a journey and the version that a file keeps."""


def file_stem(journey: str, version: int | None = None) -> str:
    """How the file of a journey is called, or that of a version which is kept."""
    return journey if version is None else f"{journey}{AT}{version}"


class Card(NamedTuple):
    """What is known of a version without running it; `review_by` as ISO 8601."""

    journey: str
    version: int
    kept: bool
    owner: str
    review_by: str


def cards(texts: Mapping[str, str]) -> list[Card]:
    """The versions of journeys among these files, by journey, the newest first; what cannot be read
    is passed over.
    """
    read = [
        Card(one.journey, one.version, is_kept(place.file), one.owner, one.review_by)
        for one, place in _journeys(texts, [])
    ]
    return sorted(read, key=lambda card: (card.journey, -card.version))


def is_kept(file: str) -> bool:
    """Whether the file keeps a version."""
    return AT in PurePosixPath(file).stem


def as_kept(read: Read) -> Read:
    """A kept version without what is that of the newest."""
    document, place = read
    return document.model_copy(update={"exits": [], "holds": None}), place


def same_meaning(one: JourneyDocument, other: JourneyDocument) -> bool:
    """Whether two documents say the same; the order of the stages ranks them (rule M2)."""
    return one == other and list(one.stages) == list(other.stages)


def rewritten(before: Mapping[str, str], after: Mapping[str, str]) -> list[DefinitionError]:
    """The versions of journeys that say something else in `after` than in `before` (paths to
    texts). What cannot be read is left to the compiler; of `before` it is no version that ran.
    """
    errors: list[DefinitionError] = []
    versions = {(one.journey, one.version): one for one, _ in _journeys(before, [])}
    for document, place in _journeys(after, []):
        former = versions.get((document.journey, document.version))
        if former is not None and not same_meaning(former, document):
            message = f"version {document.version} of `{document.journey}` had another content"
            kept = file_stem(document.journey, document.version)
            hint = f"raise `version`, and keep the former file as {kept}.yaml while somebody is in"
            Place(place.file, place.node, errors).at("version").error(
                "VERSION_CONTENT", message, hint
            )
    return errors


def _journeys(files: Mapping[str, str], errors: list[DefinitionError]) -> Iterator[Read]:
    for path, text in sorted(files.items()):
        if PurePosixPath(path).parent.name == _FOLDER and not path.endswith(_TEST):
            read = read_document(path, text, JourneyDocument, errors)
            if read is not None:
                yield read


def check_kept(files: Iterable[str], newest: Sequence[Read], kept: Sequence[Read]) -> list[Read]:
    """Report what does not fit together; those of the kept versions that do. `files` are those of
    all journeys, also where they are wrong in their form.
    """
    stems = {PurePosixPath(file).stem for file in files}
    by_name = {document.journey: document for document, _ in newest}
    found: list[Read] = []
    for document, place in kept:
        newer = by_name.get(document.journey)
        named = file_stem(document.journey, document.version)
        if PurePosixPath(place.file).stem != named:
            message = f"it keeps version {document.version} of `{document.journey}`"
            place.at("version").error("FILE_NAME", message, f"name it {named}.yaml")
            continue
        if newer is None and document.journey in stems:
            continue  # which was reported
        if newer is None:
            message = f"a version of `{document.journey}` is kept, and there is no such journey"
            hint = f"keep {file_stem(document.journey)}.yaml too, and close the journey to entries"
            place.at("journey").error("KEPT_ALONE", message, hint)
        elif document.version == newer.version:
            if not same_meaning(document, newer):
                message = f"version {newer.version} of `{newer.journey}` has another content here"
                hint = f"give {file_stem(newer.journey)}.yaml a version that was never used"
                place.at("version").error("VERSION_CONTENT", message, hint)
        elif document.key != newer.key:
            message = f"version {newer.version} has another `key`, and who is who depends on it"
            place.at("key").error("VERSION_KEY", message, "give the new journey another name")
        elif document.of_account != newer.of_account:
            message = f"version {newer.version} is about another subject"
            hint = "give the new journey another name"
            place.at("subject").error("SUBJECT_CONFLICT", message, hint)
        else:
            found.append((document, place))
    return found


def answered(document: JourneyDocument, kept: Iterable[JourneyDocument]) -> frozenset[str] | None:
    """The ids of the actions to which answers may come in the version that is entered: its own, and
    those of the versions kept, which it may take over and which have its exits. None where it takes
    over a version that is not kept.
    """
    versions = [document, *(one for one in kept if one.journey == document.journey)]
    former = {number for one in versions if one.migrate for number in one.migrate.versions}
    if not former <= {one.version for one in versions}:
        return None
    return frozenset(action.form.id for one in versions for _, action in one.actions)


def moves(document: JourneyDocument) -> Mapping[int, Mapping[str, Move]]:
    """By version from which there is a way into this one: by stage, what becomes of those in it."""
    form = document.migrate
    if form is None:
        return {}
    found = {stage: move.meant() for stage, move in form.stages.items()}
    return dict.fromkeys(form.versions, found)


def check_migrate(read: Read, others: Iterable[JourneyDocument]) -> None:
    """Report what `migrate` leaves out, and what it names that is not there. Of a version that is
    not kept, since nobody is left on it, nothing is known to hold the map against.
    """
    document, place = read
    form = document.migrate
    if form is None:
        return
    at = place.at("migrate")
    by_version = {other.version: other for other in others if other.journey == document.journey}
    known: set[str] = set()
    for index, version in enumerate(form.versions):
        if version >= document.version:
            message = f"version {version} of `{document.journey}` is not older than this one"
            hint = f"name versions below {document.version}"
            at.at("from", index).error("MIGRATE_VERSION", message, hint)
            return
        older = by_version.get(version)
        if older is None:
            continue
        standing = {name for name, stage in older.stages.items() if not stage.ways}
        known |= standing
        missing = sorted(standing - form.stages.keys())
        if missing:
            message = f"version {version} has stages that are not mapped: {', '.join(missing)}"
            at.at("stages").key_error("MIGRATE_STAGE", message, "say stage, `finish` or `exit`")
    whole = by_version.keys() >= set(form.versions)
    for name in form.stages if whole else ():
        if name not in known:
            message = f"nobody stands in a stage `{name}` of those versions"
            at.at("stages", name).key_error("UNKNOWN_STAGE", message, suggestion(name, known))
    _check_targets(document, at)


def _check_targets(document: JourneyDocument, at: Place) -> None:
    targets = {name for name, stage in document.stages.items() if not stage.ways}
    for name, form in document.migrate.stages.items() if document.migrate else ():
        move = form.meant()
        if move.fate is Fate.MOVE and move.to not in targets:
            where = at.at("stages", name)
            message = f"`{move.to}` is no stage in which one stands"
            where.error("UNKNOWN_STAGE", message, suggestion(move.to, targets))


def check_context(
    read: Read, kinds: Mapping[str, str], contexts: Mapping[tuple[str, int], Mapping[str, str]]
) -> None:
    """Report what an instance brings along by `migrate` as another kind than the version takes it
    for. `kinds` are of what is remembered here, `contexts` those of the kept versions, by journey
    and version. A version that is kept is not asked: it cannot be changed any more.
    """
    document, place = read
    form = document.migrate
    if form is None or not any(move.meant().fate is Fate.MOVE for move in form.stages.values()):
        return
    for index, version in enumerate(form.versions):
        before = contexts.get((document.journey, version), {})
        for name in sorted(kinds.keys() & before.keys()):
            if kinds[name] != before[name]:
                message = (
                    f"`{name}` is a {before[name]} in version {version} and a {kinds[name]} here"
                )
                at = place.at("migrate", "from", index)
                at.error("CONTEXT_KIND", message, "remember it here by another name")
