"""Plain values in as few bytes as their shape allows: the body of a large state.

Takes what MessagePack knows (None, bool, int, float, str, bytes, lists, dicts) and gives it back
the very same. Theory of operation. A text is written once, then named by its number; a UUID and
a W3C trace context in canonical form are written as their bytes. Times, that is numbers beyond
2**40, are written as the distance from the one before; other numbers with 7 bits a byte; amounts
of whole hundredths as such a number. A list of rows of equal length is written by columns: a
column of one value once, one of numbers by their distances, one that runs beside an earlier one
not at all. Bytes that are entries of one width are written byte by byte of all. What then repeats
goes by deflate. A pure function of the value.
"""

import struct
import zlib
from itertools import pairwise

from journey_engine.encode import form


def pack(value: object) -> bytes:
    """The bytes of a value; ValueError where it is nested more than a hundred deep."""
    writer = _Writer()
    writer.write(value, 0)
    return zlib.compress(writer.out, form.LEVEL, form.RAW)


class _Writer:
    """What was written so far."""

    __slots__ = ("last", "out", "texts")

    def __init__(self) -> None:
        self.out = bytearray()
        self.texts: dict[str, int] = {}
        self.last = 0
        """The time written last."""

    def write(self, value: object, depth: int) -> None:  # noqa: C901 - a case for a type
        if value is None:
            self.out.append(form.NONE)
        elif value is True:
            self.out.append(form.TRUE)
        elif value is False:
            self.out.append(form.FALSE)
        elif isinstance(value, int):
            self._int(value)
        elif isinstance(value, str):
            self._text(value)
        elif isinstance(value, float):
            self._float(value)
        elif isinstance(value, bytes):
            self._bytes(value)
        elif depth > form.DEPTH_MAX:
            raise ValueError("nested too deep")
        elif isinstance(value, list):
            self._list(value, depth + 1)
        elif isinstance(value, dict):
            self.out.append(form.DICT)
            self._number(len(value))
            for name, item in value.items():
                self.write(name, depth + 1)
                self.write(item, depth + 1)
        else:
            raise TypeError(f"no plain value: {type(value)}")

    def _number(self, number: int) -> None:
        out = self.out
        while number > form.SEVEN_BITS:
            out.append(number & form.SEVEN_BITS | form.MORE)
            number >>= 7
        out.append(number)

    def _signed(self, number: int) -> None:
        self._number(number * 2 if number >= 0 else -number * 2 - 1)

    def _int(self, value: int) -> None:
        if value > form.TIMES_FROM:
            self.out.append(form.TIME)
            self._signed(value - self.last)
            self.last = value
        elif 0 <= value < form.SMALL:
            self.out.append(form.SMALL_INT + value)
        else:
            self.out.append(form.INT)
            self._signed(value)

    def _float(self, value: float) -> None:
        if _is_amount(value):
            self.out.append(form.HUNDREDTHS)
            self._signed(_hundredths(value))
            return
        self.out.append(form.FLOAT)
        self.out += struct.pack(">d", value)

    def _text(self, value: str) -> None:
        known = self.texts.get(value)
        if known is not None:
            if known < form.SMALL:
                self.out.append(form.SMALL_KNOWN + known)
            else:
                self.out.append(form.KNOWN)
                self._number(known)
            return
        self.texts[value] = len(self.texts)
        length = len(value)
        if length in (form.UUID_LENGTH, form.TRACE_LENGTH):
            raw = _hex(value)
            if raw is not None:
                self.out.append(form.UUID if length == form.UUID_LENGTH else form.TRACE)
                self.out += raw
                return
        encoded = value.encode()
        self.out.append(form.TEXT)
        self._number(len(encoded))
        self.out += encoded

    def _bytes(self, value: bytes) -> None:
        width = max(form.WIDTHS, key=lambda one: _still(value, one))
        if not _still(value, width):
            self.out.append(form.BYTES)
            self._number(len(value))
            self.out += value
            return
        self.out.append(form.PLANES)
        self._number(width)
        self._number(len(value) // width)
        for place in range(width):
            self.out += value[place::width]

    def _list(self, value: list[object], depth: int) -> None:
        width = _width(value)
        if width:
            self._rows(value, width, depth)
            return
        if len(value) < form.SHORT:
            self.out.append(form.SMALL_LIST + len(value))
        else:
            self.out.append(form.LIST)
            self._number(len(value))
        for item in value:
            self.write(item, depth)

    def _rows(self, rows: list[object], width: int, depth: int) -> None:
        self.out.append(form.ROWS)
        self._number(len(rows))
        self._number(width)
        numbers: list[list[int]] = []
        for place in range(width):
            column = _column(rows, place)
            if _one_value(column):
                self.out.append(form.SAME)
                self.write(column[0], depth)
            elif all(type(item) is int for item in column):
                ints = [item for item in column if isinstance(item, int)]
                self._steps(ints, numbers)
                numbers.append(ints)
            elif all(_is_amount(item) for item in column):
                self.out.append(form.AMOUNTS)
                for item in column:
                    self._signed(_hundredths(item))
            else:
                self.out.append(form.EACH)
                for item in column:
                    self.write(item, depth)

    def _steps(self, column: list[int], before: list[list[int]]) -> None:
        for place, other in enumerate(before):
            distance = column[0] - other[0]
            if all(one - two == distance for one, two in zip(column, other, strict=True)):
                self.out.append(form.BESIDE)
                self._number(place)
                self._signed(distance)
                return
        steps = [two - one for one, two in pairwise(column)]
        rising = min(steps) >= 0
        self.out.append(form.RISING if rising else form.STEPS)
        self._int(column[0])
        for step in steps:
            if rising:
                self._number(step)
            else:
                self._signed(step)


def _width(value: list[object]) -> int:
    """How long all the rows of a list are; 0 where it is not of such rows."""
    if not form.ROWS_MIN <= len(value) <= form.ROWS_MAX:
        return 0
    first = value[0]
    width = len(first) if isinstance(first, list) else 0
    for row in value:
        if not isinstance(row, list) or len(row) != width:
            return 0
    return width


def _still(value: bytes, width: int) -> int:
    """In entries of this width: how many of their bytes are the same in all of them."""
    if len(value) < form.ENTRIES_MIN * width or len(value) % width:
        return 0
    planes = [value[place::width] for place in range(width)]
    return sum(plane.count(plane[0]) == len(plane) for plane in planes)


def _column(rows: list[object], place: int) -> list[object]:
    return [row[place] for row in rows if isinstance(row, list)]


def _one_value(column: list[object]) -> bool:
    """Whether a column has one value, and that so plain that equal is the same."""
    first = column[0]
    kind = type(first)
    if isinstance(first, (list, dict)):
        if first:
            return False
    elif isinstance(first, float):
        return False
    return all(type(item) is kind and item == first for item in column)


def _is_amount(value: object) -> bool:
    """Whether it is a float of whole hundredths; not zero, of which there are two."""
    if not isinstance(value, float) or not 0.0 < abs(value) < form.HUNDREDTHS_MAX:
        return False
    return round(value * 100.0) / 100.0 == value


def _hundredths(value: object) -> int:
    return round(value * 100.0) if isinstance(value, float) else 0


def _hex(text: str) -> bytes | None:
    """The bytes of a UUID or a trace context in canonical form; None for any other text."""
    try:
        raw = bytes.fromhex(text.replace("-", ""))
    except ValueError:
        return None
    if len(text) == form.UUID_LENGTH:
        same = len(raw) == form.UUID_BYTES and form.uuid_of(raw.hex()) == text
    else:
        same = len(raw) == form.TRACE_BYTES and form.trace_of(raw.hex()) == text
    return raw if same else None
