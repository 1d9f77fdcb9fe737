"""What `compact` wrote, back."""

import struct
import zlib

from journey_engine.encode import form


def unpack(data: bytes) -> object:
    """The value of bytes that `pack` made; ValueError for any others."""
    try:
        reader = _Reader(zlib.decompress(data, form.RAW, form.PLAIN_BYTES))
        value = reader.read(0)
    except (IndexError, TypeError, OverflowError, struct.error, zlib.error) as error:
        raise ValueError(f"no compact value: {error}") from error
    if reader.at != len(reader.data):
        raise ValueError("bytes are left over after the value")
    return value


class _Reader:
    """How far was read."""

    __slots__ = ("at", "data", "last", "texts")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.texts: list[str] = []
        self.last = 0

    def read(self, depth: int) -> object:  # noqa: C901, PLR0911, PLR0912 - a case for a tag
        if depth > form.DEPTH_MAX + 1:
            raise ValueError("nested too deep")
        tag = self._byte()
        if tag >= form.SMALL_LIST:
            return [self.read(depth + 1) for _ in range(tag - form.SMALL_LIST)]
        if tag >= form.SMALL_KNOWN:
            return self.texts[tag - form.SMALL_KNOWN]
        if tag >= form.SMALL_INT:
            return tag - form.SMALL_INT
        if tag == form.NONE:
            return None
        if tag in (form.TRUE, form.FALSE):
            return tag == form.TRUE
        if tag == form.TIME:
            self.last += self._signed()
            return self.last
        if tag == form.INT:
            return self._signed()
        if tag == form.HUNDREDTHS:
            return self._signed() / 100.0
        if tag == form.FLOAT:
            return self._float()
        if tag == form.KNOWN:
            return self.texts[self._number()]
        if tag <= form.TRACE:
            return self._text(tag)
        if tag == form.BYTES:
            return self._take(self._number())
        return self._many(tag, depth + 1)

    def _many(self, tag: int, depth: int) -> object:
        if tag == form.LIST:
            return [self.read(depth) for _ in range(self._number())]
        if tag == form.ROWS:
            return self._rows(depth)
        if tag == form.PLANES:
            return self._planes()
        if tag != form.DICT:
            raise ValueError(f"no value begins with {tag}")
        found: dict[object, object] = {}
        for _ in range(self._number()):
            name = self.read(depth)
            found[name] = self.read(depth)
        return found

    def _byte(self) -> int:
        byte = self.data[self.at]
        self.at += 1
        return byte

    def _number(self) -> int:
        number = shift = 0
        while True:
            byte = self._byte()
            number |= (byte & form.SEVEN_BITS) << shift
            if byte < form.MORE:
                return number
            shift += 7
            if shift > form.BITS_MAX:
                raise ValueError("a number too long")

    def _signed(self) -> int:
        number = self._number()
        return -((number + 1) >> 1) if number & 1 else number >> 1

    def _float(self) -> float:
        (value,) = struct.unpack_from(">d", self.data, self.at)
        self.at += 8
        return float(value)

    def _take(self, length: int) -> bytes:
        taken = self.data[self.at : self.at + length]
        if len(taken) < length:
            raise ValueError("cut short")
        self.at += length
        return taken

    def _text(self, tag: int) -> str:
        if tag == form.UUID:
            text = form.uuid_of(self._take(form.UUID_BYTES).hex())
        elif tag == form.TRACE:
            text = form.trace_of(self._take(form.TRACE_BYTES).hex())
        else:
            text = self._take(self._number()).decode()
        self.texts.append(text)
        return text

    def _rows(self, depth: int) -> object:
        count, width = self._number(), self._number()
        if count > form.ROWS_MAX or width > len(self.data):
            raise ValueError("too many rows")
        columns: list[list[object]] = []
        numbers: list[list[int]] = []
        for _ in range(width):
            kind = self._byte()
            if kind == form.SAME:
                columns.append([self.read(depth)] * count)
            elif kind == form.EACH:
                columns.append([self.read(depth) for _ in range(count)])
            elif kind == form.AMOUNTS:
                columns.append([self._signed() / 100.0 for _ in range(count)])
            else:
                ints = self._ints(kind, count, numbers)
                numbers.append(ints)
                columns.append(list[object](ints))
        return [list(row) for row in zip(*columns, strict=True)]

    def _planes(self) -> bytes:
        width, count = self._number(), self._number()
        if width > form.WIDTH_MAX or count > form.COUNT_MAX:
            raise ValueError("too many bytes")
        found = bytearray(width * count)
        for place in range(width):
            found[place::width] = self._take(count)
        return bytes(found)

    def _ints(self, kind: int, count: int, before: list[list[int]]) -> list[int]:
        if kind == form.BESIDE:
            other = before[self._number()]
            distance = self._signed()
            return [number + distance for number in other]
        if kind not in (form.STEPS, form.RISING) or not count:
            raise ValueError(f"no column is of kind {kind}")
        first = self.read(0)
        if not isinstance(first, int):
            raise TypeError("a column of numbers begins with one")
        found = [first]
        for _ in range(count - 1):
            first += self._number() if kind == form.RISING else self._signed()
            found.append(first)
        return found
