"""What an operator decided of a journey while it runs (rule V3): no YAML, a part of the plan that
each partition has for itself.
"""

import msgspec


class Operation(msgspec.Struct, frozen=True, array_like=True):
    """How a journey stands with its operator. Times are milliseconds.

    `paused`: stages move, what would be sent waits; `admits` says whether customers enter
    meanwhile. `closed`: nobody enters, who is in goes on. `stopped`: nobody enters, and everybody
    is out. After a pause what waits is asked anew from `resumed_at` on, spread `over` so long.
    """

    paused: bool = False
    admits: bool = False
    closed: bool = False
    stopped: bool = False
    resumed_at: int = 0
    over: int = 0
