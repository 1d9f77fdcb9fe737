"""What is remembered of who somebody turned out to be (section M). Times are milliseconds.

As in `state`: fields are only added at the end, with a default.
"""

from typing import Final

import msgspec

ALIASES_MAX: Final = 32
"""Visitors that a customer turned out to be, those still asked for included (rule M1)."""
IDENTITY_WAIT_MS: Final = 60_000
"""So long sends wait for what is known of a visitor (rule M1)."""
ENDED_MAX: Final = 64
ENDED_FOR_MS: Final = 24 * 3_600_000
"""Ends remembered for a merge, and how long: an ended instance beats a live one (rule M2)."""


class Erased(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The minimal proof that somebody was erased (rule M4): a keyed hash of the id, when, and which
    of their lives that ended.
    """

    proof: bytes
    at: int
    life: int


class Asked(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A visitor who turned out to be this customer, and who has not answered; sends wait `until`
    then (rule M1).
    """

    anonymous_id: str
    until: int


class Ended(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """An instance that ended, for a merge (rule M2)."""

    journey: str
    key: str
    at: int


class Identity(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Who a customer, or a visitor, turned out to be (section M). `aliases` are a customer's
    visitors, sorted; `alias_of` is a visitor's customer, who has all that was known here.
    """

    erased: Erased | None = None
    alias_of: str | None = None
    aliases: list[str] = []
    asked: list[Asked] = []
    ended: list[Ended] = []


NOBODY: Final = Identity()
