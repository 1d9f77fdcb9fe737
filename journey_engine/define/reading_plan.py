"""What an event type is read for, put together once for every event to come.

Of what is here an event asks only what concerns its customer: the journeys that the customer is in,
and those that the type lets customers enter. How many others read it makes no difference.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from journey_engine.define.profile_plan import MembershipRule, ProfileReaders

if TYPE_CHECKING:
    from journey_engine.define.plan import Asked


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """All that one event type is read for: `asked` in the order of rule S1."""

    asked: tuple["Asked", ...]
    profile: ProfileReaders | None
    feedback: bool
    links: bool
    """It tells who a visitor is (rule M1)."""
    erases: bool
    """It erases its customer (rule M4)."""
    joins: MembershipRule | None
    """It tells to which account its customer belongs (rule M3)."""
    shared: bool
    """The account's journeys read it, too (rule M3)."""
    compares: bool = field(init=False)
    """Whether an entry asks what became true by the event (rule P1)."""
    places: dict[str, int] = field(init=False)
    """Of each journey in `asked`."""
    entered: tuple[int, ...] = field(init=False)
    """The places of those that it lets customers enter."""
    lateness: int = field(init=False)
    """The shortest of theirs: up to it the event is late for none of them (rule T7)."""
    none_late: tuple[bool, ...] = field(init=False)
    all_late: tuple[bool, ...] = field(init=False)

    def __post_init__(self) -> None:
        clauses = [clause for one in self.asked for clause in one.entries]
        places = {one.journey.name: place for place, one in enumerate(self.asked)}
        entered = tuple(place for place, one in enumerate(self.asked) if one.entries)
        shortest = min((one.journey.lateness for one in self.asked), default=0)
        for name, value in (
            ("compares", any(clause.becomes is not None for clause in clauses)),
            ("places", places),
            ("entered", entered),
            ("lateness", shortest),
            ("none_late", (False,) * len(self.asked)),
            ("all_late", (True,) * len(self.asked)),
        ):
            object.__setattr__(self, name, value)
