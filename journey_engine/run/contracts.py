"""The schemas of a folder, held against each other and against their own past.

All of them are kept compatible both ways, `FULL_TRANSITIVE`: events are written by channels and
read by workers, commands the other way round, and nobody waits for the other to change. A published
version of an event type never changes; a record of the engine changes in its file, and what it was
is kept beside it.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from journey_engine.decode.registered import NO_SCHEMA, record_of
from journey_engine.define.loader import decode_text
from journey_engine.errors import DefinitionError
from journey_engine.run.compatibility import File, Version, findings
from journey_engine.run.definitions import load_schemas
from journey_engine.run.revisions import Past
from journey_engine.schemas import FORMER, AvroSchema, crc

EVENTS = "events"
"""The folder of events' schemas, in the folder of schemas."""


class Published(NamedTuple):
    """A schema's file; `version` 0: a record of the engine as it is now."""

    file: File
    name: str
    version: int


def read_published(folder: Path) -> list[Published]:
    """The schemas of a folder, the versions of each record in order.

    Raises:
        DefinitionErrors: what is wrong in any of them.
    """
    load_schemas(folder)
    found = []
    for path in sorted(folder.rglob("*.avsc")):
        text = decode_text(str(path), path.read_bytes())
        raw = json.loads(text)
        number = int(path.stem) if path.parent.parent.name in (EVENTS, FORMER) else 0
        named = f"version {number} of {raw['name']}" if number else str(raw["name"])
        full = f"{raw['namespace']}.{raw['name']}"
        found.append(Published(File(str(path), text, Version(named, raw)), full, number))
    return sorted(found, key=lambda each: (each.name, each.version or sys.maxsize))


def among_themselves(published: Sequence[Published]) -> list[DefinitionError]:
    """Which versions of a record are not compatible with which before them."""
    return [
        finding
        for versions in by_name(published).values()
        for number, each in enumerate(versions)
        for finding in findings(each.file, [older.file.version for older in versions[:number]])
    ]


def since(
    folder: Path, published: Sequence[Published], past: Iterable[Past]
) -> list[DefinitionError]:
    """What became of schemas as they once were: published versions that are gone, or another, and
    records that are not compatible with what they were.
    """
    now = {each.file.path: each for each in published}
    found = []
    for each in past:
        path, then = str(folder / each.path), schema_of(each.text)
        if then is None:
            continue
        file = now.get(path)
        if file is None:
            message = f"it is gone, and was published at {each.commit}"
            hint = "readers of what was written with it need it: put it back"
            found.append(DefinitionError(path, 1, 1, "SCHEMA_REMOVED", message, hint))
        elif file.version and crc(then) != crc(file.file.version.schema):
            message = f"it is another schema than at {each.commit}"
            hint = "a published version never changes: put it back, and add the next one"
            found.append(DefinitionError(path, 1, 1, "SCHEMA_CHANGED", message, hint))
        elif not file.version:
            found += findings(file.file, [Version(f"itself at {each.commit}", then)])
            found += _forgotten(file, then, each.commit, published)
    return found


def _forgotten(
    now: Published, then: AvroSchema, commit: str, published: Sequence[Published]
) -> list[DefinitionError]:
    """Whether a record of the engine was another, and that is not kept."""
    if any(crc(then) == crc(each.file.version.schema) for each in by_name(published)[now.name]):
        return []
    message = f"it was another schema at {commit}, which is not kept"
    hint = f"put it into {FORMER}/{then['name']}/: senders read by it what lies in the topics"
    return [DefinitionError(now.file.path, 1, 1, "SCHEMA_FORGOTTEN", message, hint)]


def by_name(published: Iterable[Published]) -> Mapping[str, list[Published]]:
    """The versions of each record, by its full name, in order."""
    found: dict[str, list[Published]] = {}
    for each in published:
        found.setdefault(each.name, []).append(each)
    return found


def schema_of(text: str) -> AvroSchema | None:
    """A record's schema; None for a text that is none, and so was never published."""
    raw = record_of(text)
    if raw is None:
        return None
    try:
        crc(raw)
    except NO_SCHEMA:
        return None
    return raw
