"""Who of a group works on which partition, and who stands by (D8). No I/O.

Each partition has one owner and `standbys` others that keep a copy of its state. Owners' counts
differ by one at most; what an owner has it keeps as far as that allows; what became free goes to
one who has a copy.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Share(NamedTuple):
    """A member's partitions: those that it works on, and those whose state it keeps a copy of."""

    owned: frozenset[int]
    standing_by: frozenset[int]


Held = dict[str, set[int]]


def share(partitions: int, before: Mapping[str, Share], standbys: int) -> Mapping[str, Share]:
    """Each member's share, from what each had before; the same for the same arguments."""
    members = sorted(before, key=lambda member: (-len(before[member].owned), member))
    owned = _owners(partitions, members, before)
    copies = _copies(partitions, owned, before, min(standbys, len(members) - 1))
    return {m: Share(frozenset(owned[m]), frozenset(copies[m])) for m in members}


def _owners(partitions: int, members: list[str], before: Mapping[str, Share]) -> Held:
    least, over = divmod(partitions, len(members))
    room = {member: least + (place < over) for place, member in enumerate(members)}
    owned: Held = {member: set() for member in members}
    free = set(range(partitions))
    for member in members:
        kept = sorted(before[member].owned & free)[: room[member]]
        owned[member] |= set(kept)
        free -= set(kept)
    for partition in sorted(free):
        owned[_next_owner(partition, room, owned, before)].add(partition)
    return owned


def _next_owner(
    partition: int, room: Mapping[str, int], owned: Held, before: Mapping[str, Share]
) -> str:
    """One with room: of those the one with a copy, else with the fewest partitions."""
    able = [member for member in owned if len(owned[member]) < room[member]]
    return min(
        able, key=lambda m: (partition not in before[m].standing_by, len(owned[m]) - room[m], m)
    )


def _copies(partitions: int, owned: Held, before: Mapping[str, Share], standbys: int) -> Held:
    """Copies stay where they are, or where the partition was, as far as they stay even."""
    copies: Held = {member: set() for member in owned}
    most = -(-partitions * standbys // len(owned))
    for partition in range(partitions):
        able = [member for member in owned if partition not in owned[member]]
        able.sort(
            key=lambda m: (
                len(copies[m]) >= most,
                not (partition in before[m].standing_by or partition in before[m].owned),
                len(copies[m]),
                m,
            )
        )
        for member in able[:standbys]:
            copies[member].add(partition)
    return copies
