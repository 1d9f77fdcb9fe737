# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Bodies of events in C, a table of columns and a loop over it: see `reading`."""

from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

KINDS = {
    "boolean": BOOLEAN,
    "long": LONG,
    "float": FLOAT,
    "double": DOUBLE,
    "string": STRING,
    "enum": ENUM,
    "array": ARRAY,
    "map": MAP,
    "long as double": LONG_AS_DOUBLE,
}

cdef class Reader:
    """Reads one version of an event type."""

    def __cinit__(self, list columns, list values, int shared, list kept, pure):
        self.count = len(columns)
        self.ops = <Op*>PyMem_Malloc((self.count or 1) * sizeof(Op))
        if self.ops == NULL:
            raise MemoryError
        self.symbols = []
        for index, (kind, optional, place, symbols) in enumerate(columns):
            self.ops[index].kind = KINDS[kind]
            self.ops[index].optional = optional
            self.ops[index].place = place
            self.symbols.append(symbols)
        self.values = values
        self.pure = pure
        self.shared = shared
        self.names = tuple([name for name, _ in kept])
        self.places = tuple([place for _, place in kept])

    def __dealloc__(self):
        PyMem_Free(self.ops)

    def read(self, bytes value not None, Py_ssize_t start):
        """The fields of the body that begins at `start`."""
        fields = self.plain(value, start)
        return self.pure(value, start) if fields is None else fields

    cpdef tuple plain(self, bytes value, Py_ssize_t start):
        """The same; None if it is not plainly right."""
        cdef Cursor cursor
        cdef const uint8_t* begin = value
        cursor.at = begin + start
        cursor.end = begin + len(value)
        cdef list values = self.values_of(&cursor)
        if values is None or cursor.at != cursor.end:
            return None
        return (*values[:self.shared], self.kept(values))

    cdef list values_of(self, Cursor* cursor):
        """The values of a body by their places; None if it is not plainly right."""
        cdef int64_t branch
        cdef int index
        cdef Op op
        cdef list values = self.values.copy()
        for index in range(self.count):
            op = self.ops[index]
            if op.optional:
                if not read_long(cursor, &branch):
                    return None
                if branch == 0:
                    continue
                if branch != 1:
                    return None
            if not self.one(cursor, op, index, values):
                return None
        return values

    cdef dict kept(self, list values):
        """The fields asked for beside the shared ones."""
        cdef dict fields = {}
        cdef int index
        for index in range(len(self.names)):
            fields[self.names[index]] = values[<Py_ssize_t>self.places[index]]
        return fields

    cdef bint one(self, Cursor* cursor, Op op, int index, list values) except -1:
        """Read one value to its place; False if it is not plainly right."""
        cdef int64_t number
        cdef double real
        cdef float half
        cdef object made = None
        if op.kind == STRING:
            if op.place < 0:
                return skip_text(cursor)
            made = read_text(cursor)
            if made is None:
                return False
        elif op.kind == LONG:
            if not read_long(cursor, &number):
                return False
            if op.place >= 0:
                made = number
        elif op.kind == LONG_AS_DOUBLE:
            if not read_long(cursor, &number):
                return False
            made = <double>number
        elif op.kind == BOOLEAN:
            if cursor.at >= cursor.end:
                return False
            made = cursor.at[0] != 0
            cursor.at += 1
        elif op.kind == DOUBLE:
            if cursor.end - cursor.at < 8:
                return False
            memcpy(&real, cursor.at, 8)
            cursor.at += 8
            if op.place >= 0:
                made = real
        elif op.kind == FLOAT:
            if cursor.end - cursor.at < 4:
                return False
            memcpy(&half, cursor.at, 4)
            cursor.at += 4
            made = <double>half
        elif op.kind == ENUM:
            symbols = <tuple>self.symbols[index]
            if not read_long(cursor, &number) or number < 0 or number >= len(symbols):
                return False
            made = symbols[<Py_ssize_t>number]
            if made is None:
                return False
        elif op.kind == ARRAY:
            made = read_array(cursor, op.place >= 0)
            if made is None:
                return False
        else:
            made = read_map(cursor, op.place >= 0)
            if made is None:
                return False
        if op.place >= 0:
            values[op.place] = made
        return True


cdef class Scanner:
    """Finds the bodies in a block of a file, each of one of several types: see `blocks`."""

    cdef tuple readers
    cdef bint union

    def __init__(self, tuple readers, *, bint union):
        self.readers = readers
        self.union = union

    def plain(self, bytes block not None, Py_ssize_t count):
        """The bodies; None if the block is not plainly right."""
        cdef Cursor cursor
        cdef int64_t branch = 0
        cdef list values
        cdef list found = []
        cdef const uint8_t* begin = block
        cursor.at = begin
        cursor.end = begin + len(block)
        for _ in range(count):
            if self.union:
                if not read_long(&cursor, &branch) or not 0 <= branch < len(self.readers):
                    return None
            begin = cursor.at
            values = (<Reader>self.readers[<Py_ssize_t>branch]).values_of(&cursor)
            if values is None:
                return None
            found.append((branch, values, (<const char*>begin)[:cursor.at - begin]))
        return found if cursor.at == cursor.end else None


cdef bint read_long(Cursor* cursor, int64_t* number) noexcept:
    cdef uint64_t read = 0
    cdef int shift = 0
    cdef uint8_t byte
    while cursor.at < cursor.end and shift < 64:
        byte = cursor.at[0]
        cursor.at += 1
        read |= (<uint64_t>(byte & 0x7F)) << shift
        if byte < 0x80:
            number[0] = <int64_t>((read >> 1) ^ (0 - (read & 1)))
            return True
        shift += 7
    return False


cdef bint read_size(Cursor* cursor, int64_t* size) noexcept:
    """A length within what is left."""
    return read_long(cursor, size) and 0 <= size[0] <= cursor.end - cursor.at


cdef object read_text(Cursor* cursor):
    cdef int64_t size
    if not read_size(cursor, &size):
        return None
    cdef const uint8_t* text = cursor.at
    cursor.at += size
    try:
        return PyUnicode_DecodeUTF8(<const char*>text, size, NULL)
    except UnicodeDecodeError:
        return None


cdef bint skip_text(Cursor* cursor) except -1:
    """As `read_text`, but makes a text only to check one that is not ASCII."""
    cdef int64_t size
    cdef int64_t index
    cdef uint8_t high = 0
    cdef Cursor before = cursor[0]
    if not read_size(cursor, &size):
        return False
    for index in range(size):
        high |= cursor.at[index]
    cursor.at += size
    return high < 0x80 or read_text(&before) is not None


# A block's count: each item takes a byte at least. A negative one, with the block's size behind it,
# is left to fastavro: where it passes over a field it believes the size, where it reads one the items.


cdef list read_array(Cursor* cursor, bint wanted):
    cdef list items = []
    cdef int64_t count
    while read_size(cursor, &count):
        if count == 0:
            return items
        for _ in range(count):
            if wanted:
                text = read_text(cursor)
                if text is None:
                    return None
                items.append(text)
            elif not skip_text(cursor):
                return None
    return None


cdef dict read_map(Cursor* cursor, bint wanted):
    cdef dict items = {}
    cdef int64_t count
    while read_size(cursor, &count):
        if count == 0:
            return items
        for _ in range(count):
            if wanted:
                name = read_text(cursor)
                text = None if name is None else read_text(cursor)
                if text is None:
                    return None
                items[name] = text
            elif not skip_text(cursor) or not skip_text(cursor):
                return None
    return None
