"""Definitions and schemas read from their folders, checked together."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

from journey_engine.define.compiler import compile_definitions, form_errors
from journey_engine.define.loader import decode_text, parse_yaml
from journey_engine.define.place import Place, suggestion
from journey_engine.define.plan import Plan
from journey_engine.define.quarantine import Quarantined, compile_sound
from journey_engine.define.topics import APP_DEFAULT, Topics, parse_topics
from journey_engine.define.versions import is_kept
from journey_engine.errors import DefinitionError, DefinitionErrors
from journey_engine.run.published import PUBLISH, TOPIC, Published, read_all
from journey_engine.run.settings import Settings
from journey_engine.run.topics import require_topics
from journey_engine.run.zones import load_zones
from journey_engine.schemas import Schemas

JOURNEYS_FOLDER = "journeys"
TESTS_SUFFIX = ".test.yaml"
TOPICS_FILE = "topics.yaml"
CHANNELS_FILE = "channels.yaml"
_YAML = (".yaml", ".yml")
_HINT = "name another folder, or make this one"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Definitions:
    """All that a worker runs."""

    plan: Plan
    schemas: Schemas
    topics: Topics
    published: Published | None = None
    """The topic that they come from; None: files."""
    quarantined: Quarantined = field(default_factory=dict)
    """What was left out of the files."""


class Inspection(NamedTuple):
    """What was read, and all that was found. The plan is as in `Compiled`: where only the lint
    found errors, it is there to show them.
    """

    plan: Plan | None
    schemas: Schemas | None
    topics: Topics | None
    findings: list[DefinitionError]

    @property
    def errors(self) -> list[DefinitionError]:
        """The findings without the warnings."""
        return [finding for finding in self.findings if not finding.warning]


class Selection(NamedTuple):
    """A folder of definitions, and the files of it that were named; none: all of them."""

    folder: Path
    files: frozenset[str]

    def names(self, file: str) -> bool:
        """Whether the file is among those meant."""
        return not self.files or file in self.files

    def tests(self) -> Mapping[str, str]:
        """The text of each file of tests that is meant, by path; for a journey that is named, that
        of its tests.

        Raises:
            DefinitionErrors: a file that is named is none of tests, and no journey that has some.
        """
        every = load_tests(self.folder)
        meant = {file: str(_tests_of(Path(file))) for file in self.files}
        hint = f"the tests of a journey are {JOURNEYS_FOLDER}/<name>{TESTS_SUFFIX}"
        lacking = [
            DefinitionError(file, 1, 1, "TEST_ABSENT", "there are no tests here", hint)
            for file, tests in meant.items()
            if tests not in every
        ]
        if lacking:
            raise DefinitionErrors(lacking)
        chosen = set(meant.values()) or every.keys()
        return {file: text for file, text in every.items() if file in chosen}


def select(paths: Iterable[Path]) -> list[Selection]:
    """The folders that the paths mean: a folder itself, or that of a file in it.

    Raises:
        DefinitionErrors: a path leads nowhere.
    """
    chosen: dict[Path, set[str] | None] = {}
    for path in paths:
        if not path.exists():
            raise DefinitionErrors([_unreadable(path, "no such file or folder")])
        below = path if path.is_dir() else path.parent
        folder = below.parent if below.name == JOURNEYS_FOLDER else below
        files = chosen.setdefault(folder, set())
        if path.is_dir():
            chosen[folder] = None
        elif files is not None:
            files.add(str(path))
    return [Selection(folder, frozenset(files or ())) for folder, files in chosen.items()]


def load(topologies: Path, schemas: Path, app: str = APP_DEFAULT) -> Definitions:
    """Read and check everything, the topics for the app so called.

    Raises:
        DefinitionErrors: all that is wrong in any of the files.
    """
    found = inspect(topologies, schemas, app)
    if found.errors or found.plan is None or found.schemas is None or found.topics is None:
        raise DefinitionErrors(found.errors)
    return Definitions(found.plan, found.schemas, found.topics)


def load_sound(topologies: Path, schemas: Path, app: str = APP_DEFAULT) -> Definitions:
    """As `load`, for a worker: a journey that is wrong is left out, and does not stop the others.

    Raises:
        DefinitionErrors: what is wrong in schemas, topics.yaml or the company's files.
    """
    errors: list[DefinitionError] = []
    topics = _collect(errors, lambda: load_topics(topologies, app))
    known = _collect(errors, lambda: load_schemas(schemas))
    texts = _collect(errors, lambda: definition_texts(topologies))
    if topics is None or known is None or texts is None:
        raise DefinitionErrors(errors)
    read = {path: text for path, text in texts.items() if path.endswith(_YAML[0])}
    sound = compile_sound(read, known, load_zones())
    errors = _channels_without_topic(topologies / CHANNELS_FILE, sound.plan, topics)
    if errors:
        raise DefinitionErrors(errors)
    return Definitions(sound.plan, known, topics, None, sound.quarantined)


async def in_force(settings: Settings) -> Definitions | None:
    """The definitions that the topic says are in force; None where there are none, or where they
    cannot be run here, which is logged.

    Raises:
        DefinitionErrors: what is wrong in schemas or topics.yaml.
        BrokerAbsentError, TopicsError, KafkaError: the topic cannot be read.
    """
    topics = load_topics(settings.topologies, settings.app_id)
    known = load_schemas(settings.schemas)
    key = settings.erasure_key
    erasure_key = b"" if key is None else key.get_secret_value().encode()
    published = Published(known, load_zones(), topics, erasure_key=erasure_key)
    await require_topics(settings, [settings.topic_prefix + TOPIC], PUBLISH)
    await read_all(settings, published)
    active = published.contents.active
    found = None if active is None else published.find(active.hash)
    return None if found is None else Definitions(found.plan, known, topics, published)


def inspect(
    topologies: Path, schemas: Path, app: str = APP_DEFAULT, today: dt.date | None = None
) -> Inspection:
    """As `load`, with everything found; past `today` a `review_by` is a warning. Without sound
    schemas the definitions are read for their form alone.
    """
    errors: list[DefinitionError] = []
    topics = _collect(errors, lambda: load_topics(topologies, app))
    known = _collect(errors, lambda: load_schemas(schemas))
    texts = _collect(errors, lambda: definition_texts(topologies))
    plan = None
    if texts is not None and known is None:
        errors += form_errors(texts)
    elif texts is not None and known is not None:
        plan, found = compile_definitions(texts, known, load_zones(), today)
        errors += found
    if plan is not None and topics is not None:
        errors += _channels_without_topic(topologies / CHANNELS_FILE, plan, topics)
    return Inspection(plan, known, topics, errors)


def load_schemas(folder: Path) -> Schemas:
    """Parse every `.avsc` below the folder. Raises `DefinitionErrors`."""
    return Schemas.parse(_texts(folder, sorted(folder.rglob("*.avsc"))))


def load_topics(folder: Path, app: str = APP_DEFAULT) -> Topics:
    """Parse the folder's `topics.yaml`. Raises `DefinitionErrors`."""
    path = folder / TOPICS_FILE
    return parse_topics(str(path), _texts(folder, [path])[str(path)], app)


def definition_texts(folder: Path) -> Mapping[str, str]:
    """The text of each file that defines the plan, by path: journeys and the company's files."""
    # With those called .yml, so that it is said of them that they are not read.
    folders = (folder, folder / JOURNEYS_FOLDER)
    files = [file for one in folders for end in _YAML for file in sorted(one.glob(f"*{end}"))]
    chosen = [f for f in files if f.name != TOPICS_FILE and not f.name.endswith(TESTS_SUFFIX)]
    return _texts(folder, chosen)


def journey_names(folder: Path) -> set[str]:
    """The journeys of the folder, by the names of their files."""
    files = definition_texts(folder)
    below = [Path(file) for file in files if Path(file).parent.name == JOURNEYS_FOLDER]
    return {file.stem for file in below if not is_kept(str(file))}


def owned_texts(folder: Path) -> Mapping[str, str]:
    """The text of each file that somebody owns, by path: definitions, topics and tests."""
    topics = folder / TOPICS_FILE
    written = _texts(folder, [topics]) if topics.exists() else {}
    return {**definition_texts(folder), **written, **load_tests(folder)}


def load_tests(folder: Path) -> Mapping[str, str]:
    """The text of each `.test.yaml` in the folder's journeys, by path."""
    files = sorted((folder / JOURNEYS_FOLDER).glob(f"*{TESTS_SUFFIX}"))
    return _texts(folder, files) if files else {}


def strays(tests: Iterable[str], plan: Plan) -> list[DefinitionError]:
    """What is wrong with the names of files of tests: each is that of a journey."""
    names = {file: Path(file).name.removesuffix(TESTS_SUFFIX) for file in tests}
    return [
        DefinitionError(
            file,
            1,
            1,
            "TEST_STRAY",
            f"no journey is called `{name}`",
            suggestion(name, plan.by_name),
        )
        for file, name in names.items()
        if name not in plan.by_name
    ]


def _tests_of(file: Path) -> Path:
    return file if file.name.endswith(TESTS_SUFFIX) else file.with_suffix(TESTS_SUFFIX)


def _collect(errors: list[DefinitionError], read: Callable[[], T]) -> T | None:
    try:
        return read()
    except DefinitionErrors as found:
        errors += found.errors
        return None


def _channels_without_topic(path: Path, plan: Plan, topics: Topics) -> list[DefinitionError]:
    """A command for such a channel could not leave: better said now than at the first one."""
    errors: list[DefinitionError] = []
    text = path.read_text(encoding="utf-8")
    root = Place(str(path), parse_yaml(str(path), text), errors)
    for channel in topics.lacking(plan):
        names = [spec.name for spec in topics.commands.values()]
        message = f"{TOPICS_FILE} declares no topic `{channel.topic}` for `{channel.name}`"
        place = root.at("channels", channel.name, "topic")
        place.error("CHANNEL_TOPIC", message, suggestion(channel.topic, names))
    return errors


def _unreadable(path: Path, reason: str, hint: str = _HINT) -> DefinitionError:
    return DefinitionError(str(path), 1, 1, "UNREADABLE", reason, hint)


def _hint(error: OSError) -> str:
    return _HINT if isinstance(error, FileNotFoundError) else "a definition is a file to be read"


def _texts(folder: Path, files: Iterable[Path]) -> dict[str, str]:
    texts: dict[str, str] = {}
    errors: list[DefinitionError] = []
    for file in files:
        try:
            texts[str(file)] = decode_text(str(file), file.read_bytes())
        except DefinitionErrors as found:
            errors += found.errors
        except OSError as error:
            errors.append(_unreadable(file, error.strerror or str(error), _hint(error)))
    if not texts and not errors:
        errors.append(DefinitionError(str(folder), 1, 1, "EMPTY", "nothing to read here", _HINT))
    if errors:
        raise DefinitionErrors(errors)
    return texts
