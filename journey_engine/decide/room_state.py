"""What the owner of a channel's capacity remembers (rule C6). Times are milliseconds.

As in `state`: fields are only added at the end, with a default.
"""

from typing import Final

import msgspec

WAITING_MAX: Final = 512
"""Requests for a channel's room that wait; those ranked behind are refused (rule C6)."""
OUTSTANDING_MAX: Final = 1_024
"""Grants of a channel's room that are neither used nor given back."""
ROOM_PARTS: Final = 256
"""A channel's window is counted in at most so many parts, each as long as another (rule C6)."""


class Waiting(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A request for a channel's room (rule C6); `sender` is the key of the state that asked."""

    request: str
    sender: str
    command_id: str
    score: float
    priority: int
    due: int
    until: int


class ChannelState(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What the owner of a channel's capacity remembers (rule C6).

    `used` says how many commands take up room until when, in order of time; `granted` are the
    requests whose answer is under way, `waiting` those that have none, in order of rank.
    """

    used: list[tuple[int, int]] = []
    granted: list[str] = []
    waiting: list[Waiting] = []


EMPTY_CHANNEL: Final = ChannelState()
