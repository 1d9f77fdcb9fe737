"""The forms in which `compact` writes a value: a byte says which, and often how long or which."""

from typing import Final

# What a value begins with.
NONE: Final = 0
TRUE: Final = 1
FALSE: Final = 2
TIME: Final = 3
INT: Final = 4
HUNDREDTHS: Final = 5
FLOAT: Final = 6
KNOWN: Final = 7
TEXT: Final = 8
UUID: Final = 9
TRACE: Final = 10
BYTES: Final = 11
LIST: Final = 12
DICT: Final = 13
ROWS: Final = 14
PLANES: Final = 15
SMALL_INT: Final = 32
"""From here on, 64 numbers, 64 texts known, 96 lengths of lists."""
SMALL_KNOWN: Final = 96
SMALL_LIST: Final = 160
SMALL: Final = 64
SHORT: Final = 96

# What a column begins with.
SAME: Final = 0
STEPS: Final = 1
RISING: Final = 2
BESIDE: Final = 3
AMOUNTS: Final = 4
EACH: Final = 5

RAW: Final = -15
"""For zlib: no header, no checksum; Kafka and the store have theirs."""
LEVEL: Final = 1
"""More costs time and gains nothing here."""
PLAIN_BYTES: Final = 8192
"""About what comes out of one body."""
TIMES_FROM: Final = 1 << 40
HUNDREDTHS_MAX: Final = 1e13
ROWS_MIN: Final = 3
ROWS_MAX: Final = 4096
WIDTHS: Final = (14, 16)
"""Of the entries of messages counted and of inputs read: whatever else fits them gains, too."""
WIDTH_MAX: Final = 16
COUNT_MAX: Final = 65536
ENTRIES_MIN: Final = 4
DEPTH_MAX: Final = 100
UUID_LENGTH: Final = 36
TRACE_LENGTH: Final = 55
UUID_BYTES: Final = 16
TRACE_BYTES: Final = 26
SEVEN_BITS: Final = 0x7F
MORE: Final = 0x80
BITS_MAX: Final = 70
"""Of a number of 64 bits and its sign, seven at a time."""


def uuid_of(text: str) -> str:
    """A UUID in canonical form, of its 32 digits."""
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def trace_of(text: str) -> str:
    """A W3C trace context in canonical form, of its 52 digits."""
    return f"{text[:2]}-{text[2:34]}-{text[34:50]}-{text[50:]}"
