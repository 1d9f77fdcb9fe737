"""Event logs on disk: JSON lines, Avro object container files, and CSV with a mapping; also .gz."""

import csv
import gzip
import heapq
import io
import json
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import fastavro
import msgspec

from journey_engine.avro.bounded import UnboundedError, require_bounded
from journey_engine.decode.bodies import Bodies, LogBody, published_bodies
from journey_engine.decode.log import LogEvent, LogLine, Place, read_event, read_line, route
from journey_engine.decode.mapping import TableMapping, map_row, parse_mapping
from journey_engine.decode.record import Record
from journey_engine.define.loader import decode_text
from journey_engine.define.topics import Topics
from journey_engine.schemas import Schemas

_DAMAGE = (gzip.BadGzipFile, zlib.error, EOFError, ValueError)
"""What the readers raise over bytes that are not what the file's name says."""


Line = LogLine | LogBody


class _Arrival(NamedTuple):
    """A line and when it arrived: the latest time so far in its file."""

    at: int
    line: Line


def read_mapping(path: Path, schemas: Schemas) -> TableMapping:
    """Read a `.map.yaml` file; DefinitionErrors where it is wrong, OSError where it is absent."""
    return parse_mapping(str(path), decode_text(str(path), path.read_bytes()), schemas)


def read_once(paths: Sequence[Path]) -> list[Path]:
    """Those of which nothing is left for who reads them a second time, such as pipes."""
    return [path for path in paths if path.exists() and not path.is_file()]


def read_log(
    paths: Sequence[Path], schemas: Schemas, mapping: TableMapping | None = None
) -> Iterator[Line]:
    """The lines of all files, merged by arrival; each file is in order of arrival itself.

    Raises:
        DefinitionErrors: a line is wrong; where it stands is in the error.
        OSError: a file cannot be read.
    """
    if len(paths) == 1:
        yield from _file(paths[0], schemas, mapping)
        return
    files = [_arrivals(_file(path, schemas, mapping)) for path in paths]
    for arrival in heapq.merge(*files, key=lambda each: each.at):
        yield arrival.line


def read_records(
    paths: Sequence[Path],
    mapping: Path | None,
    schemas: Schemas,
    topics: Topics,
    *,
    marks: bool = True,
    until: int | None = None,
) -> Iterator[Record]:
    """The records that the files' events become, as `decode.log.route` orders them.

    Raises:
        DefinitionErrors: a line or the mapping is wrong.
        OSError: a file cannot be read.
    """
    table = None if mapping is None else read_mapping(mapping, schemas)
    names = {channel: topic.name for channel, topic in topics.inputs.items()}
    lines = read_log(paths, schemas, table)
    return route(lines, schemas, names, topics.partitions, marks=marks, until=until)


def _arrivals(lines: Iterator[Line]) -> Iterator[_Arrival]:
    latest = 0
    for line in lines:
        latest = max(latest, _arrived(line) or 0)
        yield _Arrival(latest, line)


def _arrived(line: Line) -> int | None:
    if isinstance(line, LogBody):
        return line.occurred_at
    if line.recorded_at is None and isinstance(line, LogEvent):
        at: int = line.fields["occurred_at"]
        return at
    return line.recorded_at


def _file(path: Path, schemas: Schemas, mapping: TableMapping | None) -> Iterator[Line]:
    try:
        with _open(path) as stream:
            yield from _lines(stream, path, schemas, mapping)
    except _DAMAGE as error:
        Place(str(path), 1).refuse(f"the file is damaged: {error}")


def _lines(
    stream: IO[bytes], path: Path, schemas: Schemas, mapping: TableMapping | None
) -> Iterator[Line]:
    suffixes = [suffix for suffix in map(str.lower, path.suffixes) if suffix != ".gz"]
    match suffixes[-1:]:
        case [".csv"]:
            if mapping is None:
                Place(str(path), 1).refuse("a CSV file needs a mapping (--map)")
            return _table(stream, path, schemas, mapping)
        case [".avro"]:
            return _container(stream, path, schemas)
        case _:
            return _json_lines(stream, path, schemas)


def _open(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path)) if path.suffix.lower() == ".gz" else path.open("rb")


def _json_lines(stream: IO[bytes], path: Path, schemas: Schemas) -> Iterator[LogLine]:
    for number, text in enumerate(stream, start=1):
        if not text.strip():
            continue
        place = Place(str(path), number)
        try:
            line = _json(text)
        except (ValueError, RecursionError) as error:
            place.refuse(f"not JSON: {error}")
        if not isinstance(line, dict):
            place.refuse("a line must be a JSON object")
        yield read_line(line, schemas, place)


def _json(text: bytes) -> object:
    """One JSON document; msgspec reads a line in half the time, `json` reads what it refuses."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return json.loads(text)


def _container(stream: IO[bytes], path: Path, schemas: Schemas) -> Iterator[Line]:
    bodies = _bodies(stream, path, schemas)
    stream.seek(0)
    if bodies is not None:
        yield from _taken(stream, path, bodies)
        return
    for number, (name, fields) in enumerate(_records(stream, path), start=1):
        line = {"type": name.rpartition(".")[2], **fields}
        yield read_line(line, schemas, Place(str(path), number))


def _bodies(stream: IO[bytes], path: Path, schemas: Schemas) -> Bodies | None:
    """How to take events over as they are; None where they must be read and written anew."""
    try:
        blocks: Any = fastavro.block_reader(stream)
        require_bounded(blocks.writer_schema)
    except UnboundedError as error:
        Place(str(path), 1).refuse(f"a schema that is not read: {error}")
    except Exception as error:  # noqa: BLE001 - whatever the codec makes of foreign bytes
        Place(str(path), 1).refuse(f"the file is damaged: {error}")
    return published_bodies(blocks.writer_schema, schemas, str(path))


def _taken(stream: IO[bytes], path: Path, bodies: Bodies) -> Iterator[LogBody]:
    try:
        blocks: Any = fastavro.block_reader(stream)
        for block in blocks:
            yield from bodies.of(block.bytes_.read(), block.num_records)
    except Exception as error:  # noqa: BLE001 - as above
        Place(str(path), 1).refuse(f"the file is damaged: {error}")


def _records(stream: IO[bytes], path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and fields of each record; with several types in the file, a record says its own."""
    try:
        reader: Any = fastavro.reader(stream, return_record_name=True)
        for record in reader:
            yield record if isinstance(record, tuple) else (reader.writer_schema["name"], record)
    except Exception as error:  # noqa: BLE001 - whatever the codec makes of foreign bytes
        Place(str(path), 1).refuse(f"the file is damaged: {error}")


def _table(
    stream: IO[bytes], path: Path, schemas: Schemas, mapping: TableMapping
) -> Iterator[LogLine]:
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    rows = csv.DictReader(text, strict=True)  # else a quote that nothing closes takes all behind it
    events = _events(rows, path, schemas, mapping)
    if mapping.order == "time":
        return iter(sorted(events, key=lambda event: event.fields["occurred_at"]))
    return events


def _events(
    rows: "csv.DictReader[str]", path: Path, schemas: Schemas, mapping: TableMapping
) -> Iterator[LogEvent]:
    for row in _rows(rows, path):
        place = Place(str(path), rows.line_num)
        if None in row or None in row.values():
            place.refuse("the row has not as many cells as there are columns")
        yield read_event(map_row(mapping, schemas, row, place), schemas, place)


def _rows(rows: "csv.DictReader[str]", path: Path) -> Iterator[dict[str, str]]:
    try:
        _require_different(rows.fieldnames or (), path)
        yield from rows
    except csv.Error as error:
        Place(str(path), rows.line_num + 1).refuse(f"the row that begins here is no CSV: {error}")
    except UnicodeDecodeError as error:
        # Decoded are some lines at once: what is wrong may be behind the next one.
        line = rows.line_num + 1 + error.object.count(b"\n", 0, error.start)
        Place(str(path), line).refuse("a byte that is no UTF-8: save the file as UTF-8")


def _require_different(columns: Sequence[str], path: Path) -> None:
    """What no name leads to may stand there as often as it likes."""
    for name, count in Counter(columns).items():
        if name and count > 1:
            Place(str(path), 1).refuse(f"there are {count} columns {name}")
