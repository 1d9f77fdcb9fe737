"""What is remembered of a feature."""

from typing import TYPE_CHECKING, Any, Final

import msgspec

from journey_engine.decide.packed import NOTHING, pack

if TYPE_CHECKING:
    from journey_engine.define.expression import Value
else:
    Value = Any
    """msgspec reads no recursive union; what it reads back is plain all the same."""

FEATURE_EXACT_MAX: Final = 64
FEATURE_BUCKETS: Final = 32


class FeatureState(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A feature's memory (rule K2): `entries` sorted by time, or, once over
    `FEATURE_EXACT_MAX` in a window, `buckets` of equal width.

    An entry is `(at, value)` or `(at, [values of the fields])`; a bucket `(index, count, sum,
    min, max)` where index = at // width, of which only what its operation asks is filled. Without
    a window only `(0, count, sum, min, max)`.
    """

    since: int
    packed_entries: msgspec.Raw = NOTHING
    buckets: list[tuple[int, int, float | int, Value, Value]] = []

    @staticmethod
    def of(since: int, entries: list[tuple[int, Value]]) -> "FeatureState":
        """With these entries."""
        return FeatureState(since, pack(entries))

    @property
    def entries(self) -> list[tuple[int, Value]]:
        """`packed_entries`, read anew each time."""
        return _entries_decoder.decode(self.packed_entries)


_entries_decoder: Final = msgspec.msgpack.Decoder(list[tuple[int, Value]])
