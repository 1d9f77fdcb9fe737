# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Records to events in C, where all is plainly right: see `decode`."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItem
from cpython.object cimport PyObject
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memcmp

from journey_engine.avro.native_reader cimport Cursor, Reader, read_long, read_size
from journey_engine.decide.event import Event, Origin
from journey_engine.decode.record import Record

cdef enum:
    FRAME = 10  # bytes before a body
    # Places in a `Record`.
    TOPIC = 0
    PARTITION = 1
    OFFSET = 2
    TIMESTAMP = 3
    KEY = 4
    VALUE = 5
    HEADERS = 6

cdef uint32_t CRC[4][256]  # what a byte brings to the checksum, alone and with 1 to 3 zeros behind it


cdef class Events:
    """Reads what is in the single-object encoding."""

    cdef dict readers  # by the bytes of the frame the type's name and a `Reader`, or a `Skipped`
    cdef Py_ssize_t most
    cdef Py_ssize_t longest  # characters of an id
    cdef int64_t latest
    cdef int64_t future

    def __init__(
        self, dict readers, Py_ssize_t most, Py_ssize_t longest, int64_t latest, int64_t future
    ):
        self.readers = readers
        self.most = most
        self.longest = longest
        self.latest = latest
        self.future = future

    def read(self, record, trace):
        """The event, or that nobody reads its type; None if the record is not plainly right.
        `trace` finds a trace in headers.
        """
        cdef bytes value
        cdef const uint8_t* begin
        cdef PyObject* found
        cdef list values
        cdef Cursor cursor
        if type(record) is not Record:
            record = Record(
                record.topic,
                record.partition,
                record.offset,
                record.timestamp,
                record.key,
                record.value,
                record.headers,
            )
        cdef tuple fields = <tuple>record
        found_value = fields[VALUE]
        if type(found_value) is not bytes:
            return None
        value = <bytes>found_value
        begin = <const uint8_t*>PyBytes_AS_STRING(value)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(value)
        if size > self.most or size < FRAME:
            return None
        found = PyDict_GetItem(self.readers, (<const char*>begin)[:FRAME])
        if found == NULL:
            return None
        if type(<object>found) is not tuple:
            return <object>found  # `Skipped`
        known = <tuple>found
        cursor.at = begin + FRAME
        cursor.end = begin + size
        values = (<Reader>known[1]).values_of(&cursor)
        if values is None or cursor.at != cursor.end:
            return None
        event_id = values[0]
        customer_id = values[1]
        anonymous_id = values[2]
        at = values[3]
        source = values[5]
        timestamp = fields[TIMESTAMP]
        cdef int64_t occurred_at = at
        if not 0 <= occurred_at <= self.latest or occurred_at - self.future > <int64_t>timestamp:
            return None
        identity = anonymous_id if customer_id is None else customer_id
        if not event_id or not source or not _is(fields[KEY], identity):
            return None
        if len(event_id) > self.longest or len(source) > self.longest or len(identity) > self.longest:
            return None
        found_trace = trace(record) if fields[HEADERS] else None
        return Event(
            known[0],
            event_id,
            customer_id,
            anonymous_id,
            at,
            values[4],
            source,
            (<Reader>known[1]).kept(values),
            _digest(begin + FRAME, begin + size),
            timestamp,
            Origin(event_id, fields[TOPIC], fields[PARTITION], fields[OFFSET], found_trace),
            values[6],
        )


cdef bint _is(key, identity) except -1:
    """Whether the key is this identity, and not empty."""
    cdef Py_ssize_t size
    cdef const char* text
    if type(key) is not bytes or identity is None:
        return False
    text = PyUnicode_AsUTF8AndSize(identity, &size)
    return size > 0 and size == PyBytes_GET_SIZE(key) and not memcmp(text, PyBytes_AS_STRING(key), size)


cdef bytes _digest(const uint8_t* begin, const uint8_t* end):
    """As `digest.digest`, the highest byte first."""
    cdef Cursor cursor
    cdef int64_t number
    cdef uint8_t found[4]
    cdef const uint8_t* time
    cdef uint32_t crc
    cursor.at = begin
    cursor.end = end
    _pass_text(&cursor)
    for _ in range(2):
        if read_long(&cursor, &number) and number:
            _pass_text(&cursor)
    time = cursor.at
    read_long(&cursor, &number)
    crc = ~_crc(_crc(0xFFFFFFFF, begin, time), cursor.at, end)
    found[0] = crc >> 24
    found[1] = crc >> 16 & 0xFF
    found[2] = crc >> 8 & 0xFF
    found[3] = crc & 0xFF
    return (<const char*>found)[:4]


cdef inline void _pass_text(Cursor* cursor) noexcept:
    cdef int64_t size
    if read_size(cursor, &size):
        cursor.at += size


cdef uint32_t _crc(uint32_t crc, const uint8_t* at, const uint8_t* end) noexcept:
    """CRC-32 as zlib counts it, gone on with from `crc`, begun with and ended by inverting it."""
    while end - at >= 4:  # four steps at once
        crc ^= at[0] | <uint32_t>at[1] << 8 | <uint32_t>at[2] << 16 | <uint32_t>at[3] << 24
        crc = (
            CRC[3][crc & 0xFF] ^ CRC[2][crc >> 8 & 0xFF] ^ CRC[1][crc >> 16 & 0xFF] ^ CRC[0][crc >> 24]
        )
        at += 4
    while at < end:
        crc = CRC[0][(crc ^ at[0]) & 0xFF] ^ crc >> 8
        at += 1
    return crc


cdef void _fill() noexcept:
    cdef uint32_t crc
    cdef int index, step
    for index in range(256):
        crc = index
        for step in range(8):
            crc = crc >> 1 ^ (0xEDB88320 if crc & 1 else 0)
        CRC[0][index] = crc
    for index in range(256):
        for step in range(1, 4):
            crc = CRC[step - 1][index]
            CRC[step][index] = crc >> 8 ^ CRC[0][crc & 0xFF]


_fill()
