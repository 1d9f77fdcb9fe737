"""When the windowed features started of which nothing is kept yet (rule K3).

Every windowed feature of every journey starts with a customer's first input, so most of them belong
to journeys that the customer never enters. They lie in one field of the state, `started`, empty
where there are none. Its first 8 bytes tell the plan whose features have all started: an event asks
no more than this. Then come, for each time, the earliest first, the time (8 bytes, signed), a count
(2) and so many ids (the first 6 bytes of each), in order, all big-endian. A feature goes from there
to `features` with its first value.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from journey_engine.decide.feature_state import FeatureState

if TYPE_CHECKING:
    from journey_engine.define.plan import Plan

_ID: Final = 6
_MARK: Final = 8
_NO_MARK: Final = bytes(_MARK)
"""Not all features of a plan have started, as far as one knows."""
_TIME: Final = 8
_HEAD: Final = _TIME + 2
_MOST: Final = 0xFFFF
"""Features that start at one time; of more it is not known that they did."""

Features = Mapping[str, FeatureState]


def begun(plan: "Plan", started: bytes, features: Features, at: int) -> bytes:
    """`started`, where what of the plan has not started yet starts at `at`."""
    unkept = [_id(name) for name in plan.windowed if name not in features]
    if not unkept and not started:
        return started
    groups = _read(started)
    known = {one for ids in groups.values() for one in ids}
    fresh = [one for one in unkept if one not in known]
    if fresh:
        groups[at] = [*groups.get(at, ()), *fresh]
    return _write(plan.windowed_mark, groups)


def since(started: bytes, name: str) -> int | None:
    """When a feature of which nothing is kept started; None where it has not."""
    found = _place(started, name)
    return None if found is None else found[0]


def of(name: str, started: bytes, features: Features) -> FeatureState | None:
    """What is known of a feature: what is kept of it, or that it started."""
    kept = features.get(name)
    if kept is not None or len(started) <= _MARK:
        return kept
    at = since(started, name)
    return None if at is None else FeatureState(at)


def without(started: bytes, name: str) -> bytes:
    """`started` without a feature of which something is kept from now on."""
    found = _place(started, name)
    if found is None:
        return started
    _, begin, place, end = found
    if end - begin == _ID:
        left = started[: begin - _HEAD] + started[end:]
        return left if len(left) > _MARK else b""
    count = (end - begin) // _ID - 1
    ahead = started[: begin - 2] + count.to_bytes(2, "big")
    return ahead + started[begin:place] + started[place + _ID :]


def joined(plan: "Plan", ours: bytes, theirs: bytes, kept: Iterable[str]) -> bytes:
    """Of two identities of one person (rule M2): each since the earlier of both, but for those in
    `kept`, of which something is kept.
    """
    earliest: dict[bytes, int] = {}
    for groups in (_read(ours), _read(theirs)):
        for at, ids in groups.items():
            for one in ids:
                earliest[one] = min(at, earliest.get(one, at))
    names = {name[: 2 * _ID] for name in kept}
    both: dict[int, list[bytes]] = {}
    for one, at in earliest.items():
        if one.hex() not in names:
            both.setdefault(at, []).append(one)
    names.update(one.hex() for one in earliest)
    known = all(name[: 2 * _ID] in names for name in plan.windowed)
    return _write(plan.windowed_mark if known else _NO_MARK, both)


def _id(name: str) -> bytes:
    return bytes.fromhex(name[: 2 * _ID])


def _read(started: bytes) -> dict[int, list[bytes]]:
    groups = {}
    end = _MARK
    while end < len(started):
        at, begin, end = _group(started, end)
        groups[at] = [started[place : place + _ID] for place in range(begin, end, _ID)]
    return groups


def _group(started: bytes, place: int) -> tuple[int, int, int]:
    """Of the group that begins there: its time, where its ids begin and where they end."""
    begin = place + _HEAD
    at = int.from_bytes(started[place : place + _TIME], "big", signed=True)
    count = started[begin - 2] << 8 | started[begin - 1]
    return at, begin, begin + count * _ID


def _place(started: bytes, name: str) -> tuple[int, int, int, int] | None:
    """Where a feature's id lies: its group's time and ids, from and to, and its own place."""
    id_ = _id(name)
    end = _MARK
    while end < len(started):
        at, begin, end = _group(started, end)
        place = started.find(id_, begin, end)
        while place >= 0 and (place - begin) % _ID:
            place = started.find(id_, place + 1, end)
        if place >= 0:
            return at, begin, place, end
    return None


def _write(mark: bytes, groups: dict[int, list[bytes]]) -> bytes:
    if not groups:
        return b""
    parts = [mark or _NO_MARK]
    for at in sorted(groups):
        ids = sorted(groups[at])[:_MOST]
        head = at.to_bytes(_TIME, "big", signed=True) + len(ids).to_bytes(_HEAD - _TIME, "big")
        parts += [head, *ids]
    return b"".join(parts)
