# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""murmur2 in C: see `partition`."""

from libc.stdint cimport uint8_t, uint32_t

cdef enum:
    SEED = 0x9747B28C
    MIX = 0x5BD1E995


def murmur2(bytes key not None):
    """The hash, 32 bits without a sign."""
    cdef const uint8_t* at = key
    cdef Py_ssize_t left = len(key)
    cdef uint32_t found = <uint32_t>SEED ^ <uint32_t>left
    cdef uint32_t word
    while left >= 4:
        word = at[0] | <uint32_t>at[1] << 8 | <uint32_t>at[2] << 16 | <uint32_t>at[3] << 24
        word *= <uint32_t>MIX
        word ^= word >> 24
        word *= <uint32_t>MIX
        found *= <uint32_t>MIX
        found ^= word
        at += 4
        left -= 4
    if left >= 3:
        found ^= <uint32_t>at[2] << 16
    if left >= 2:
        found ^= <uint32_t>at[1] << 8
    if left >= 1:
        found ^= at[0]
        found *= <uint32_t>MIX
    found ^= found >> 13
    found *= <uint32_t>MIX
    found ^= found >> 15
    return found
