"""What other extensions use of the reader."""

from libc.stdint cimport int64_t, uint8_t

cdef enum Kind:
    BOOLEAN, LONG, FLOAT, DOUBLE, STRING, ENUM, ARRAY, MAP, LONG_AS_DOUBLE


cdef struct Op:
    Kind kind
    bint optional
    int place  # among the values; -1: checked, but not made


cdef struct Cursor:
    const uint8_t* at
    const uint8_t* end


cdef class Reader:
    cdef Op* ops
    cdef int count
    cdef list symbols  # by column, of an enum
    cdef list values
    cdef int shared
    cdef tuple names
    cdef tuple places
    cdef object pure  # reads what is not plainly right
    cpdef tuple plain(self, bytes value, Py_ssize_t start)
    cdef list values_of(self, Cursor* cursor)
    cdef dict kept(self, list values)
    cdef bint one(self, Cursor* cursor, Op op, int index, list values) except -1


cdef bint read_long(Cursor* cursor, int64_t* number) noexcept
cdef bint read_size(Cursor* cursor, int64_t* size) noexcept
