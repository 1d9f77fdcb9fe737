# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Ids seen, in C: see `seen`. The mark is a BLAKE2b (RFC 7693) of 64 bits."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from journey_engine.decide.state import SEEN_FOR_MS, SEEN_MAX

cdef enum:
    ENTRY = 16
    MARK = 8
    DIGEST = 4
    TIME_AT = 12
    BLOCK = 128
    ROUNDS = 12

cdef Py_ssize_t LONGEST = SEEN_MAX * ENTRY
cdef uint32_t SEEN_FOR_S = SEEN_FOR_MS // 1000

cdef uint64_t* IV = [
    0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1,
    0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179,
]
cdef uint8_t SIGMA[ROUNDS][16]
SIGMA = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
    [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
    [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
    [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
    [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
]

cdef struct Hash:
    uint64_t state[8]
    uint8_t block[BLOCK]
    Py_ssize_t filled
    uint64_t hashed


def noted(bytes seen not None, str source not None, str event_id not None, bytes body not None,
          uint32_t second):
    """See `seen.noted`."""
    cdef uint8_t entry[ENTRY]
    cdef const uint8_t* old = <const uint8_t*>PyBytes_AS_STRING(seen)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(seen) // ENTRY * ENTRY
    cdef Py_ssize_t over, at = 0, start = 0
    cdef uint64_t mark
    cdef Py_ssize_t digest = min(PyBytes_GET_SIZE(body), <Py_ssize_t>DIGEST)
    cdef bytes kept
    cdef uint8_t* new
    _mark(entry, source, event_id)
    memset(entry + MARK, 0, DIGEST)
    memcpy(entry + MARK, PyBytes_AS_STRING(body), digest)
    _write_time(entry, second)
    mark = _word(entry)
    while at < size:  # `range` would be one of Python's
        if _word(old + at) == mark and not _over(old + at, second):
            return 1 if _half(old + at + MARK) == _half(entry + MARK) else 2, seen, 0
        at += ENTRY
    while start < size and _over(old + start, second):
        start += ENTRY
    over = max(size - start - (LONGEST - ENTRY), <Py_ssize_t>0)
    start += over
    kept = PyBytes_FromStringAndSize(NULL, size - start + ENTRY)
    new = <uint8_t*>PyBytes_AS_STRING(kept)
    memcpy(new, old + start, size - start)
    memcpy(new + size - start, entry, ENTRY)
    return 0, kept, over // ENTRY


cdef inline bint _over(const uint8_t* entry, uint32_t second) noexcept:
    """Whether it was read more than so long ago; what was read later than now was not."""
    cdef const uint8_t* at = entry + TIME_AT
    cdef uint32_t read = (
        <uint32_t>at[0] << 24 | <uint32_t>at[1] << 16 | <uint32_t>at[2] << 8 | at[3]
    )
    return second > read and second - read > SEEN_FOR_S


cdef inline void _write_time(uint8_t* entry, uint32_t second) noexcept:
    entry[TIME_AT] = second >> 24
    entry[TIME_AT + 1] = second >> 16 & 0xFF
    entry[TIME_AT + 2] = second >> 8 & 0xFF
    entry[TIME_AT + 3] = second & 0xFF


cdef inline uint64_t _word(const uint8_t* at) noexcept:
    cdef uint64_t word
    memcpy(&word, at, 8)
    return word


cdef inline uint32_t _half(const uint8_t* at) noexcept:
    cdef uint32_t word
    memcpy(&word, at, 4)
    return word


cdef int _mark(uint8_t* into, str source, str event_id) except -1:
    cdef Hash h
    cdef uint8_t nothing = 0
    cdef int i
    memcpy(h.state, IV, sizeof(h.state))
    h.state[0] ^= 0x01010000 ^ MARK
    h.filled = 0
    h.hashed = 0
    _take_text(&h, source)
    _take(&h, &nothing, 1)
    _take_text(&h, event_id)
    h.hashed += h.filled
    memset(h.block + h.filled, 0, BLOCK - h.filled)
    _compress(&h, True)
    for i in range(MARK):
        into[i] = h.state[0] >> (8 * i) & 0xFF
    return 0


cdef int _take_text(Hash* h, str text) except -1:
    cdef Py_ssize_t size
    cdef const char* at
    cdef bytes encoded
    try:
        at = PyUnicode_AsUTF8AndSize(text, &size)
    except UnicodeEncodeError:
        encoded = text.encode("utf-8", "surrogatepass")
        at = PyBytes_AS_STRING(encoded)
        size = PyBytes_GET_SIZE(encoded)
    _take(h, <const uint8_t*>at, size)
    return 0


cdef void _take(Hash* h, const uint8_t* at, Py_ssize_t size) noexcept:
    """A full block waits until more comes: the last one is another."""
    cdef Py_ssize_t part
    while size > 0:
        if h.filled == BLOCK:
            h.hashed += BLOCK
            _compress(h, False)
            h.filled = 0
        part = min(size, BLOCK - h.filled)
        memcpy(h.block + h.filled, at, part)
        h.filled += part
        at += part
        size -= part


cdef inline uint64_t _right(uint64_t word, int by) noexcept:
    return word >> by | word << (64 - by)


cdef inline void _mix(
    uint64_t* a, uint64_t* b, uint64_t* c, uint64_t* d, uint64_t x, uint64_t y
) noexcept:
    a[0] += b[0] + x
    d[0] = _right(d[0] ^ a[0], 32)
    c[0] += d[0]
    b[0] = _right(b[0] ^ c[0], 24)
    a[0] += b[0] + y
    d[0] = _right(d[0] ^ a[0], 16)
    c[0] += d[0]
    b[0] = _right(b[0] ^ c[0], 63)


cdef void _compress(Hash* h, bint last) noexcept:
    cdef uint64_t m[16]
    cdef uint64_t v[16]
    cdef const uint8_t* s
    cdef const uint8_t* at
    cdef int i
    for i in range(16):
        at = h.block + 8 * i
        m[i] = (
            <uint64_t>at[0] | <uint64_t>at[1] << 8 | <uint64_t>at[2] << 16 | <uint64_t>at[3] << 24
            | <uint64_t>at[4] << 32 | <uint64_t>at[5] << 40 | <uint64_t>at[6] << 48
            | <uint64_t>at[7] << 56
        )
    for i in range(8):
        v[i] = h.state[i]
        v[i + 8] = IV[i]
    v[12] ^= h.hashed
    if last:
        v[14] = ~v[14]
    for i in range(ROUNDS):
        s = SIGMA[i]
        _mix(&v[0], &v[4], &v[8], &v[12], m[s[0]], m[s[1]])
        _mix(&v[1], &v[5], &v[9], &v[13], m[s[2]], m[s[3]])
        _mix(&v[2], &v[6], &v[10], &v[14], m[s[4]], m[s[5]])
        _mix(&v[3], &v[7], &v[11], &v[15], m[s[6]], m[s[7]])
        _mix(&v[0], &v[5], &v[10], &v[15], m[s[8]], m[s[9]])
        _mix(&v[1], &v[6], &v[11], &v[12], m[s[10]], m[s[11]])
        _mix(&v[2], &v[7], &v[8], &v[13], m[s[12]], m[s[13]])
        _mix(&v[3], &v[4], &v[9], &v[14], m[s[14]], m[s[15]])
    for i in range(8):
        h.state[i] ^= v[i] ^ v[i + 8]
