# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Bodies of the engine's own records in C, a tree of nodes: see `writing`."""

from cpython.dict cimport PyDict_GetItem
from cpython.float cimport PyFloat_AsDouble
from cpython.long cimport PyLong_AsLongLong
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.object cimport PyObject, Py_TYPE
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

cdef class Buffer:
    """Grows and is used again."""

    cdef uint8_t* data
    cdef Py_ssize_t size
    cdef Py_ssize_t room

    def __cinit__(self):
        self.room = 1024
        self.data = <uint8_t*>PyMem_Malloc(self.room)
        if self.data == NULL:
            raise MemoryError

    def __dealloc__(self):
        PyMem_Free(self.data)

    cdef int reserve(self, Py_ssize_t more) except -1:
        cdef uint8_t* grown
        if self.size + more > self.room:
            self.room = 2 * (self.size + more)
            grown = <uint8_t*>PyMem_Realloc(self.data, self.room)
            if grown == NULL:
                raise MemoryError
            self.data = grown
        return 0

    cdef int put(self, const void* data, Py_ssize_t size) except -1:
        self.reserve(size)
        memcpy(self.data + self.size, data, size)
        self.size += size
        return 0

    cdef int put_long(self, int64_t number) except -1:
        cdef uint64_t rest = (<uint64_t>number << 1) ^ <uint64_t>(number >> 63)
        self.reserve(10)
        while rest > 0x7F:
            self.data[self.size] = <uint8_t>(rest & 0x7F) | 0x80
            self.size += 1
            rest >>= 7
        self.data[self.size] = <uint8_t>rest
        self.size += 1
        return 0

    cdef int put_text(self, object text) except -1:
        cdef Py_ssize_t size
        cdef const char* data = PyUnicode_AsUTF8AndSize(text, &size)
        self.put_long(size)
        return self.put(data, size)


cdef class Node:
    """Writes values of one schema."""

    cdef int write(self, Buffer out, object value) except -1:
        """Null: nothing."""
        return 0


cdef class Boolean(Node):
    cdef int write(self, Buffer out, object value) except -1:
        return out.put_long(-1 if value else 0)


cdef class Long(Node):
    cdef int write(self, Buffer out, object value) except -1:
        return out.put_long(PyLong_AsLongLong(value))


cdef class Double(Node):
    cdef int write(self, Buffer out, object value) except -1:
        cdef double real = PyFloat_AsDouble(value)
        return out.put(&real, 8)


cdef class Text(Node):
    cdef int write(self, Buffer out, object value) except -1:
        return out.put_text(value)


cdef class Optional(Node):
    cdef Node inner

    def __cinit__(self, Node inner):
        self.inner = inner

    cdef int write(self, Buffer out, object value) except -1:
        if value is None:
            return out.put_long(0)
        out.put_long(1)
        return self.inner.write(out, value)


cdef class Union(Node):
    cdef dict branches  # the place of each Python type

    cdef list inner

    def __cinit__(self, dict branches, list inner):
        self.branches = branches
        self.inner = inner

    cdef int write(self, Buffer out, object value) except -1:
        cdef PyObject* found = PyDict_GetItem(self.branches, type(value))
        if found == NULL:
            raise KeyError(type(value))
        cdef Py_ssize_t index = <object>found
        out.put_long(index)
        return (<Node>self.inner[index]).write(out, value)


cdef class Array(Node):
    cdef Node inner

    def __cinit__(self, Node inner):
        self.inner = inner

    cdef int write(self, Buffer out, object value) except -1:
        if value:
            out.put_long(len(value))
            for each in value:
                self.inner.write(out, each)
        return out.put_long(0)


cdef class Map(Node):
    cdef Node inner

    def __cinit__(self, Node inner):
        self.inner = inner

    cdef int write(self, Buffer out, object value) except -1:
        if value:
            out.put_long(len(value))
            for name, each in value.items():
                out.put_text(name)
                self.inner.write(out, each)
        return out.put_long(0)


cdef class Constant(Node):
    """What the value's class does not have is always the default."""

    cdef bytes data

    def __cinit__(self, bytes data):
        self.data = data

    cdef int write(self, Buffer out, object value) except -1:
        return out.put(<const char*>self.data, len(self.data))


cdef class Column:
    """A field of a record: by its class's own descriptor, which finds it without a look-up."""

    cdef object descriptor
    cdef Node node

    def __cinit__(self, descriptor, Node node):
        self.descriptor = descriptor
        self.node = node

    cdef int write(self, Buffer out, object value) except -1:
        if self.descriptor is not None:
            value = Py_TYPE(self.descriptor).tp_descr_get(self.descriptor, value, type(value))
        return self.node.write(out, value)


cdef class Record(Node):
    cdef list columns

    def __cinit__(self, list columns):
        self.columns = columns

    cdef int write(self, Buffer out, object value) except -1:
        for column in self.columns:
            (<Column>column).write(out, value)
        return 0


cdef class Writer:
    """Writes values of one schema, each behind the prefix."""

    cdef Node node
    cdef Buffer out
    cdef bytes prefix

    def __cinit__(self, schema, classes, renamed, bytes prefix not None):
        self.node = node_of(schema, classes, renamed, {})
        self.out = Buffer()
        self.prefix = prefix

    def write(self, value):
        """The bytes."""
        cdef Buffer out = self.out
        out.size = 0
        out.put(<const char*>self.prefix, len(self.prefix))
        self.node.write(out, value)
        return (<const char*>out.data)[:out.size]


PRIMITIVES = {
    "null": Node(),
    "boolean": Boolean(),
    "int": Long(),
    "long": Long(),
    "double": Double(),
    "string": Text(),
}
PYTHON = {
    "null": type(None), "boolean": bool, "long": int, "double": float, "string": str, "array": list
}


def node_of(schema, classes, renamed, named):
    if isinstance(schema, list):
        inner = [node_of(branch, classes, renamed, named) for branch in schema]
        if len(schema) == 2:
            return Optional(inner[1])
        kinds = [branch["type"] if isinstance(branch, dict) else branch for branch in schema]
        return Union({PYTHON[kind]: index for index, kind in enumerate(kinds)}, inner)
    if not isinstance(schema, dict):
        return PRIMITIVES[schema] if schema in PRIMITIVES else named[schema]
    if schema["type"] == "record":
        columns = [column_of(each, schema, classes, renamed, named) for each in schema["fields"]]
        named[schema["name"]] = record = Record(columns)
        return record
    if schema["type"] == "array":
        return Array(node_of(schema["items"], classes, renamed, named))
    if schema["type"] == "map":
        return Map(node_of(schema["values"], classes, renamed, named))
    return PRIMITIVES[schema["type"]]


def column_of(field, schema, classes, renamed, named):
    cdef Buffer out
    name = renamed.get(field["name"], field["name"])
    of = classes[schema["name"]]
    if name in of.__struct_fields__:
        return Column(getattr(of, name), node_of(field["type"], classes, renamed, named))
    default = field["default"]
    if default is None:
        return Column(None, Constant(b"\x00"))
    out = Buffer()
    (<Node>node_of(field["type"], classes, renamed, named)).write(out, default)
    return Column(None, Constant((<const char*>out.data)[:out.size]))
