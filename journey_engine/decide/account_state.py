"""What is remembered of accounts, by their members and by themselves (rule M3).

As in `state`: fields are only added at the end, with a default. Times are milliseconds.
"""

from typing import Final

import msgspec

MEMBERS_MAX: Final = 64
"""Customers that an account knows as its own."""
ASKED_MAX: Final = 64
"""Sends of an account's journeys that members were asked for and that may still be taken back."""


class Membership(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """To which account a customer belongs, and who said so last (as a trait, rule K1). An empty
    `account` is none.
    """

    account: str
    role: str | None
    at: int
    event_id: str


class Member(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A customer of an account."""

    customer: str
    role: str | None = None


class Asked(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A send that a member was asked for: the id of the asking, and where it came from."""

    id: str
    customer: str
    journey: str
    entry_no: int
    action: str
    stage: str
    visit: int
    due: int
    """While the member's partition lets it wait: until when."""
    waits: bool = True
    """Whether nothing came of it yet."""


class Account(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """An account, in its own state. `members` are in the order of their ids."""

    members: list[Member] = []
    asked: list[Asked] = []


class Asker(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The account whose journey asked a customer for a send, and the id of the asking."""

    account: str
    id: str


NO_ACCOUNT: Final = Account()
