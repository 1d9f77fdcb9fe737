"""Two states of one person made one (rule M2): a customer's, and a visitor's handed over.

Everything here is a union, a latest writer or a best of several, so that visitors may be handed
over in any order and the customer's state comes out the same (law 8). What is cut to a bound is
cut by an order that does not depend on who came first, and so that what is cut early would be cut
late, too; where there is no such order it is not cut here (the package's README says what).

Entries of a visitor get numbers far above those of the customer, so that no command of theirs
has the id of one of the customer's. Where both have an instance of the same journey and key, an
ended one beats a live one; of two live ones the higher rank of stage counts, the later entry into
it, the smaller number. The winner takes over what the loser sent, and will not send it again, and
the milestones that it reached.
"""

from hashlib import blake2b
from typing import Final, NamedTuple

from msgspec.structs import replace

from journey_engine.decide import (
    assignment,
    ids,
    memory,
    merge_profile,
    standing,
)
from journey_engine.decide.identity_state import ENDED_FOR_MS, NOBODY, Ended
from journey_engine.decide.packed import pack
from journey_engine.decide.state import (
    DEADLINE,
    INSTANCE_TIMERS_MAX,
    SENT_MAX,
    CustomerState,
    Exposure,
    Instance,
    OpenSend,
    Pending,
    Sent,
    Timer,
)
from journey_engine.define.plan import Plan, ReentryMode

_SAME_MAX: Final = 4
"""Commands remembered of one place."""
_FIRST_NUMBER: Final = 1 << 30
"""Entries of visitors are numbered from here, to where a 32-bit number ends."""

Group = tuple[str, str]
"""A journey, and the key under which one instance of it may live at a time."""
Place = tuple[str, str, int, int, int]
"""A send: action, stage, visit, run and attempt. Two commands of one journey and key with the same
place, under two identities, are the same message to the same person.
"""
Where = tuple[str, str, str, Place]
"""Group, account that asked, and place."""
Numbered = tuple[Where, int]
"""Which of one identity's at its place, from 1 on. Entries of one identity are no doubles of each
other: the first of one side meets the first of the other, and so on. As both sides are in order and
the earlier of two stays, those that stay are in order, too: more sides may follow, in any order.
"""


class Held(NamedTuple):
    """What of completed instances is out: how many each side has at a place, and which are left."""

    counts: tuple[dict[Where, int], dict[Where, int]]
    taken: set[Numbered]


class Merged:
    """The state of both, and what has no place in it: instances that lost, with whether another
    one goes on; candidates and commands that are double.
    """

    __slots__ = ("double", "losers", "state", "waiting")

    def __init__(self, state: CustomerState) -> None:
        self.state = state
        self.losers: list[tuple[Instance, bool]] = []
        self.waiting: list[Pending] = []
        self.double: list[OpenSend] = []


def merged(
    plan: Plan, ours: CustomerState, theirs: CustomerState, visitor: str, now: int
) -> Merged:
    """The customer's state with all that was known of the visitor (its state's key)."""
    theirs = renumbered(theirs, visitor)
    out = Merged(merge_profile.joined(plan, ours, theirs))
    ended = _ended(ours, theirs, now)
    over = _over(plan, ours, theirs, ended)
    _merge_instances(plan, out, [*ours.instances, *theirs.instances], over, now)
    held = _merge_open(plan, out, (ours.open, theirs.open), now)
    _merge_waiting(plan, out, (ours.pending, theirs.pending), held)
    out.state = replace(out.state, identity=replace(ours.identity or NOBODY, ended=ended))
    return out


def renumbered(theirs: CustomerState, visitor: str) -> CustomerState:
    """The visitor's state, with entries numbered so that no customer has the like."""
    return replace(
        theirs,
        instances=[
            replace(one, entry_no=_number(visitor, one.journey, one.entry_no))
            for one in theirs.instances
        ],
        pending=[
            replace(
                one,
                entry_no=_number(visitor, one.journey, one.entry_no),
                command=one.command or ids.command_id(theirs.life, visitor, one),
            )
            for one in theirs.pending
        ],
        open=[
            replace(one, entry_no=_number(visitor, one.journey, one.entry_no))
            for one in theirs.open
        ],
    )


def _number(visitor: str, journey: str, entry_no: int) -> int:
    name = f"{visitor}/{journey}/{entry_no}".encode("utf-8", "surrogatepass")
    return _FIRST_NUMBER + int.from_bytes(blake2b(name, digest_size=8).digest(), "big") % (
        _FIRST_NUMBER
    )


def _ended(ours: CustomerState, theirs: CustomerState, now: int) -> list[Ended]:
    """All of both: one that went could beat none of those who are still to come."""
    known = {
        one
        for state in (ours, theirs)
        if state.identity is not None
        for one in state.identity.ended
        if one.at > now - ENDED_FOR_MS
    }
    return sorted(known, key=_ended_at)


def _ended_at(one: Ended) -> tuple[int, str, str]:
    return (one.at, one.journey, one.key)


def group_of(plan: Plan, journey: str, key: str | None) -> Group:
    """What an instance is one of at a time."""
    known = plan.by_name.get(journey)
    return (journey, (key or "") if known is None else memory.key_in(known, key))


def _over(plan: Plan, ours: CustomerState, theirs: CustomerState, ended: list[Ended]) -> set[Group]:
    """Where an ended instance beats those that live: an end is remembered, or one of the two has
    used up `once`.
    """
    over = {(one.journey, one.key) for one in ended}
    live = [
        {group_of(plan, one.journey, one.key) for one in state.instances}
        for state in (ours, theirs)
    ]
    for name, key in live[0] | live[1]:
        journey = plan.by_name.get(name)
        if journey is None or journey.reentry.mode is not ReentryMode.ONCE:
            continue
        for state, here in zip((ours, theirs), live, strict=True):
            if (name, key) not in here and memory.entered(state.journeys.get(name), key):
                over.add((name, key))
    return over


def _merge_instances(
    plan: Plan, out: Merged, live: list[Instance], over: set[Group], now: int
) -> None:
    groups: dict[Group, list[Instance]] = {}
    for one in live:
        groups.setdefault(group_of(plan, one.journey, one.key), []).append(one)
    kept = []
    for group, found in sorted(groups.items()):
        if group in over:
            out.losers += [(one, False) for one in found]
        elif len(found) == 1:
            kept.append(found[0])
        else:
            winner = max(found, key=lambda one: _standing(plan, one))
            out.losers += [(one, True) for one in found if one is not winner]
            kept.append(_heir(out, winner, found, now))
    out.state = replace(out.state, instances=sorted(kept, key=_order))


def _standing(plan: Plan, one: Instance) -> tuple[int, int, int]:
    journey = plan.run_by(one.journey, one.version)
    stage = None if journey is None else journey.stages.get(one.stage)
    return (-1 if stage is None else stage.rank, one.stage_entered_at, -one.entry_no)


def _order(one: Instance) -> tuple[str, str, int]:
    return (one.journey, one.key or "", one.entry_no)


def _heir(out: Merged, winner: Instance, found: list[Instance], now: int) -> Instance:
    """The winner, with the milestones, the arms of experiments (rule J3) and what was sent of all;
    its patterns are its own. Of what is double and can be taken back the earliest
    stays, unless the message has gone out.
    """
    owners: dict[str, Instance] = {}
    commands: dict[str, Sent] = {}
    for one in found:
        for sent in one.sent:
            known = commands.get(sent.command_id)
            if known is None or sent.not_before == standing.TAKEN_BACK:
                commands[sent.command_id] = sent
            owners[sent.command_id] = one
    kept = []
    taken: set[Place] = set()
    for sent in sorted(commands.values(), key=lambda sent: _first(sent, now)):
        if place_of(sent) in taken and standing.is_out(sent, now):
            out.double.append(_opened(owners[sent.command_id], sent))
            kept.append(standing.taken_back(sent))
            continue
        if sent.not_before != standing.TAKEN_BACK:
            taken.add(place_of(sent))
        kept.append(sent)
    exposed: list[Exposure] = []
    for one in found:
        exposed = assignment.merge(exposed, one.exposed)
    remembered = sorted(_remembered(kept, now), key=_sent_at)
    return replace(
        winner,
        packed_sent=pack(remembered),
        timers=_timers(winner, found),
        exposed=exposed,
        milestones=sorted({name for one in found for name in one.milestones}),
    )


def _remembered(kept: list[Sent], now: int) -> list[Sent]:
    """Of the 32 places visited and run last the first few commands each. So all commands of a place
    are remembered or none, and no double of one that is forgotten could have been found.
    """
    places = set(sorted({place_of(sent) for sent in kept}, key=_visited)[-SENT_MAX:])
    counts: dict[Place, int] = {}
    few = []
    for sent in sorted(kept, key=lambda sent: _first(sent, now)):
        place = place_of(sent)
        counts[place] = counts.get(place, 0) + 1
        if place in places and counts[place] <= _SAME_MAX:
            few.append(sent)
    return few


def _visited(place: Place) -> tuple[int, int, int, str, str]:
    action, stage, visit, run, attempt = place
    return (visit, run, attempt, stage, action)


def _timers(winner: Instance, found: list[Instance]) -> list[Timer]:
    """The winner's, and the deadlines of the tasks of all, the nearest."""
    waits = [timer for timer in winner.timers if timer.index != DEADLINE]
    dues = {timer.due for one in found for timer in one.timers if timer.index == DEADLINE}
    return [*waits, *(Timer(due, DEADLINE) for due in sorted(dues)[:INSTANCE_TIMERS_MAX])]


def _first(sent: Sent, now: int) -> tuple[bool, int, str]:
    """Those that are out of reach come before those that can be, or were, taken back."""
    back = sent.not_before == standing.TAKEN_BACK or standing.is_out(sent, now)
    return (back, sent.at, sent.command_id)


def _sent_at(sent: Sent) -> tuple[int, str]:
    return (sent.at, sent.command_id)


def _opened(one: Instance, sent: Sent) -> OpenSend:
    return OpenSend(one.journey, one.version, one.key, one.entry_no, one.cause, sent)


def place_of(sent: Sent) -> Place:
    """Where in its journey the command was asked for."""
    return (sent.send_id, sent.stage, sent.visit, sent.run, sent.attempt)


def _merge_waiting(
    plan: Plan, out: Merged, sides: tuple[list[Pending], list[Pending]], held: Held
) -> None:
    """One candidate of a place and number, and none where a command is out; none of an instance
    that lost. Of one that lives none either where a completed one has its number, whichever was
    asked for first: it may still lose to the next visitor's (law 8).
    """
    lost = {(one.journey, one.entry_no) for one, _ in out.losers}
    alive = {(one.journey, one.entry_no) for one in out.state.instances}
    completed: list[tuple[Pending, Numbered]] = []
    living: list[tuple[Pending, Numbered]] = []
    for side, counts in zip(sides, held.counts, strict=True):
        ordered = sorted(side, key=asked_at)
        over = [one for one in ordered if _of(one) not in lost | alive]
        out.waiting += [one for one in ordered if _of(one) in lost]
        completed += [(one, _number_at(counts, _where(plan, one))) for one in over]
        ahead = [one for one in ordered if _of(one) in alive]
        living += [(one, _next_at(counts, _where(plan, one))) for one in ahead]
    kept: list[Pending] = []
    taken = held.taken
    for one, at in sorted(completed, key=lambda each: asked_at(each[0])):
        (out.waiting if at in taken else kept).append(one)
        taken.add(at)
    for one, at in living:
        (out.waiting if at in taken else kept).append(one)
    out.state = replace(out.state, pending=sorted(kept, key=asked_at))


def _of(one: Pending) -> tuple[str, int]:
    return (one.journey, one.entry_no)


def _where(plan: Plan, one: Pending) -> Where:
    place = (one.action, one.stage, one.visit, one.run, one.attempt)
    return (*group_of(plan, one.journey, one.key), _asker(one), place)


def asked_at(one: Pending) -> tuple[int, str, str, int, str, int, int]:
    """The order of candidates that wait: the one that was asked for first."""
    return (
        one.asked_at,
        one.journey,
        one.key or "",
        one.entry_no,
        one.action,
        one.run,
        one.attempt,
    )


def _merge_open(
    plan: Plan, out: Merged, sides: tuple[list[OpenSend], list[OpenSend]], now: int
) -> Held:
    """Commands of instances that completed: of those of one place and number that can be taken back
    the earlier stays.
    """
    held = Held(({}, {}), set())
    kept: list[OpenSend] = []
    numbered: list[tuple[OpenSend, Numbered]] = []
    for side, counts in zip(sides, held.counts, strict=True):
        for one in sorted(side, key=_open_at):
            if standing.is_out(one.sent, now):
                where = (*group_of(plan, one.journey, one.key), _asker(one), place_of(one.sent))
                numbered.append((one, _number_at(counts, where)))
            else:
                kept.append(one)
    for one, at in sorted(numbered, key=lambda each: _open_at(each[0])):
        if at in held.taken:
            out.double.append(one)
        else:
            held.taken.add(at)
            kept.append(one)
    out.state = replace(out.state, open=sorted(kept, key=_open_at))
    return held


def _open_at(one: OpenSend) -> tuple[int, str]:
    return _sent_at(one.sent)


def _asker(one: OpenSend | Pending) -> str:
    """The account whose journey asked for it, empty where the customer's own did."""
    return "" if one.asker is None else one.asker.account


def _next_at(counts: dict[Where, int], where: Where) -> Numbered:
    return (where, counts.get(where, 0) + 1)


def _number_at(counts: dict[Where, int], where: Where) -> Numbered:
    """The next of one side at this place, counted."""
    numbered = _next_at(counts, where)
    counts[where] = numbered[1]
    return numbered
