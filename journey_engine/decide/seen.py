"""The ids seen, as a state keeps them (rule T6); `native_seen` does the same in C.

An entry is 8 bytes of a hash of source and id, 4 of a digest of the body, and the second at which
it was read, big-endian; they lie in the order of reading.
"""

from hashlib import blake2b
from typing import Final

from journey_engine.decide.state import SEEN_FOR_MS, SEEN_MAX

ENTRY: Final = 16
_MARK: Final = 8
_DIGEST: Final = 4
_DIGEST_END: Final = 12
_FULL: Final = SEEN_MAX * ENTRY
_SEEN_FOR_S: Final = SEEN_FOR_MS // 1000


def noted(
    seen: bytes, source: str, event_id: str, body: bytes, second: int
) -> tuple[int, bytes, int]:
    """Look for an id at the time `second`, of 32 bits, and note it.

    Returns 0 for one that is new, 1 for a repeat, 2 for a repeat with another `body`, the digest of
    its body; the ids seen with it; and how many of them went before their 24 hours.
    """
    name = f"{source}\0{event_id}".encode("utf-8", "surrogatepass")
    mark = blake2b(name, digest_size=_MARK).digest()
    digest = body[:_DIGEST].ljust(_DIGEST, b"\0")
    known = _find(seen, mark, second)
    if known is not None:
        return (1 if known == digest else 2), seen, 0
    kept, early = _trimmed(seen, second)
    return 0, kept + mark + digest + second.to_bytes(4, "big"), early


def _find(seen: bytes, mark: bytes, second: int) -> bytes | None:
    """The digest under which `mark` was read within the last 24 hours."""
    place = seen.find(mark)
    while place >= 0:
        if place % ENTRY == 0 and second - _second(seen, place) <= _SEEN_FOR_S:
            return seen[place + _MARK : place + _DIGEST_END]
        place = seen.find(mark, place + 1)
    return None


def _trimmed(seen: bytes, second: int) -> tuple[bytes, int]:
    """`seen` with room for one more, and how many went before their 24 hours."""
    oldest = second - _SEEN_FOR_S
    start = 0
    while start < len(seen) and _second(seen, start) < oldest:
        start += ENTRY
    over = max(0, len(seen) - start - (_FULL - ENTRY))
    return seen[start + over :], over // ENTRY


def _second(seen: bytes, place: int) -> int:
    return int.from_bytes(seen[place + _DIGEST_END : place + ENTRY], "big")
