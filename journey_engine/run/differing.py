"""What two apps decided differently, by customer the first of it.

Records of both are paired as they are read: the same content, decided within `tolerance` of each
other, whatever the order. What finds no partner is kept in a database on disk, one partition after
the other, so memory does not grow with the topics.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import msgspec

from journey_engine.run.decided import Decided

LIVE, SHADOW = 0, 1
_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE unpaired (
  id INTEGER PRIMARY KEY,
  side INTEGER, digest BLOB, at INTEGER, person TEXT, kind INTEGER, told BLOB
);
CREATE INDEX by_digest ON unpaired (digest);
CREATE TABLE people (person INTEGER PRIMARY KEY);
"""
_PARTNER = """
SELECT id FROM unpaired WHERE digest = ? AND side = ? AND at BETWEEN ? AND ?
ORDER BY abs(at - ?) LIMIT 1
"""
_LEFT = """
SELECT side, told FROM unpaired WHERE at > ? AND at <= ? ORDER BY person, at, kind, side, id
"""

_decoder = msgspec.msgpack.Decoder(Decided)


class Sided(NamedTuple):
    """A record and whose it is."""

    side: int
    one: Decided

    @property
    def person(self) -> str:
        """Whose decision it is."""
        return self.one.person


class Divergence(NamedTuple):
    """The first decision on a customer that differs; None: there is none on that side."""

    person: str
    journey: str
    at: int
    live: Decided | None
    shadow: Decided | None

    @property
    def words(self) -> tuple[str, str]:
        """What the two decided, shortly."""
        live, shadow = self.live, self.shadow
        if live is None or shadow is None:
            return ("nothing" if live is None else live.word), _word(shadow)
        if live.digest == shadow.digest:
            return live.word, f"{shadow.word}, {'later' if shadow.at > live.at else 'earlier'}"
        if live.word != shadow.word:
            return live.word, shadow.word
        other = sorted(k for k, v in live.compared.items() if shadow.compared[k] != v)
        return live.word, f"{shadow.word}, other {', '.join(other) or 'input'}"


def _word(one: Decided | None) -> str:
    return "nothing" if one is None else one.word


class Unpaired:
    """What is left of one partition's records; its file is deleted at the end."""

    def __init__(self, path: Path, tolerance: int) -> None:
        """`tolerance`: milliseconds."""
        self._path, self._tolerance = path, tolerance
        self._base = sqlite3.connect(path, isolation_level=None)
        self._base.executescript(_SCHEMA)
        self._base.execute("BEGIN")

    def put(self, side: int, one: Decided) -> None:
        """Take a record of a side."""
        base, about = self._base, self._tolerance
        base.execute("INSERT OR IGNORE INTO people VALUES (?)", (hash(one.person),))
        span = (one.at - about, one.at + about, one.at)
        with closing(base.execute(_PARTNER, (one.digest, 1 - side, *span))) as found:
            partner = found.fetchone()
        if partner is not None:
            base.execute("DELETE FROM unpaired WHERE id = ?", partner)
            return
        told = msgspec.msgpack.encode(one)
        row = (side, one.digest, one.at, one.person, one.kind, told)
        base.execute("INSERT INTO unpaired VALUES (NULL, ?, ?, ?, ?, ?, ?)", row)

    def people(self) -> int:
        """How many different customers were decided on."""
        return int(self._base.execute("SELECT count(*) FROM people").fetchone()[0])

    def at_edges(self, after: int, upto: int) -> int:
        """How many were decided too near the begin or the end for a partner to be there."""
        asked = "SELECT count(*) FROM unpaired WHERE at <= ? OR at > ?"
        return int(self._base.execute(asked, (after, upto)).fetchone()[0])

    def divergences(self, after: int, upto: int) -> Iterator[Divergence]:
        """Of each customer the first, decided after one time and up to the other; by customer."""
        rows = self._base.execute(_LEFT, (after, upto))
        sided = (Sided(side, _decoder.decode(told)) for side, told in rows)
        for person, theirs in groupby(sided, attrgetter("person")):
            yield _first(person, theirs)

    def close(self) -> None:
        """Forget all of it."""
        self._base.close()
        self._path.unlink()


def _first(person: str, theirs: Iterable[Sided]) -> Divergence:
    left = iter(theirs)
    first = next(left)
    one = first.one
    same = (
        each.one
        for each in left
        if each.side != first.side and (each.one.kind, each.one.subject) == (one.kind, one.subject)
    )
    other = next(same, None)
    for _ in left:
        pass
    live, shadow = (one, other) if first.side == LIVE else (other, one)
    return Divergence(person, one.journey, one.at, live, shadow)
