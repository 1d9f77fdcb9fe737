"""What a partition remembers that is no customer's: operators' orders, and how far its sweep came.

As in `state`: fields are only added at the end, with a default. Times are milliseconds.
"""

from typing import Final

import msgspec

from journey_engine.define.operation import Operation

SWEEP: Final = 100
"""Customers that one step of a sweep looks at."""


class PartitionState(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """`operations` by journey; `after` the state's key up to which the sweep came that is under way
    since `due`, None where none is.
    """

    operations: dict[str, Operation] = {}
    after: str | None = None
    due: int = 0


NOTHING_SAID: Final = PartitionState()
