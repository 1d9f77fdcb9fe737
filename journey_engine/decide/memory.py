"""What a journey leaves behind with a customer beyond its instances (rules T7, I3, A6).

Only what a re-entry rule asks for is kept: nothing of ends and entries where a journey has no
`once`, `cooldown` or `limit`. Of `once` only that a key entered, but for life.
"""

from bisect import insort
from hashlib import sha256
from typing import Final

from msgspec.structs import astuple, replace

from journey_engine.decide.draft import Draft
from journey_engine.decide.event import Event
from journey_engine.decide.identity_state import ENDED_FOR_MS, ENDED_MAX, NOBODY, Ended
from journey_engine.decide.state import ENTRIES_MAX, KEYS_MAX, ONCE_MAX, JourneyMemory, KeyMemory
from journey_engine.define.identity import LINKED
from journey_engine.define.plan import Asked, JourneyPlan, Reentry, ReentryMode

NO_MEMORY: Final = JourneyMemory()
NO_KEY_MEMORY: Final = KeyMemory()
_MARK_BYTES: Final = 8
_fields: Final = astuple
_memory: Final = JourneyMemory


def read(draft: Draft, journeys: tuple[Asked, ...], event: Event) -> list[bool]:
    """Note the event as read by the journeys, and tell for which it is late (rule T7).

    Back-filled history counts as late, and makes nothing else late.
    """
    at = event.occurred_at
    if event.backfill:
        return [True] * len(journeys)
    late = []
    newer: dict[str, JourneyMemory] | None = None
    for asked in journeys:
        journey = asked.journey
        memory = draft.journeys.get(journey.name)
        if memory is None:
            late.append(False)
            fresh = JourneyMemory(at)
        else:
            latest: int
            latest, entry_no, keys, once, kept = _fields(memory)
            late.append(at < latest - journey.lateness)
            if at <= latest:
                continue
            fresh = _memory(at, entry_no, keys, once, kept)
        if newer is None:
            newer = dict(draft.journeys)
        newer[journey.name] = fresh
    if newer is not None:
        draft.journeys = newer
    return late


def is_late(draft: Draft, journey: JourneyPlan, event: Event) -> bool:
    """Whether the event is late for a journey that has not read it yet."""
    memory = draft.journeys.get(journey.name)
    return memory is not None and event.occurred_at < memory.latest - journey.lateness


def key_in(journey: JourneyPlan, key: str | None) -> str:
    """The name under which re-entry is counted: a key's, or the customer's."""
    return "" if journey.reentry.per_customer or key is None else key


def of_key(draft: Draft, journey: JourneyPlan, key: str | None) -> KeyMemory:
    """What is remembered for re-entry with this key."""
    memory = draft.journeys.get(journey.name, NO_MEMORY)
    return memory.keys.get(key_in(journey, key), NO_KEY_MEMORY)


def entered_once(draft: Draft, journey: JourneyPlan, key: str | None) -> bool:
    """Whether the key ever entered a journey of mode `once`."""
    memory = draft.journeys.get(journey.name, NO_MEMORY)
    name = key_in(journey, key)
    return name in memory.keys or _mark(name) in _marks(memory)


def entered(memory: JourneyMemory | None, name: str) -> bool:
    """Whether that key is remembered as one that entered in mode `once`."""
    return memory is not None and _mark(name) in _marks(memory)


def both_once(ours: JourneyMemory, theirs: JourneyMemory) -> bytes:
    """The keys that entered in mode `once` under either identity (rule M2), each for life."""
    return b"".join(sorted({*_marks(ours), *_marks(theirs)}))


def _marks(memory: JourneyMemory) -> list[bytes]:
    once = memory.once
    return [once[at : at + _MARK_BYTES] for at in range(0, len(once), _MARK_BYTES)]


def once_full(draft: Draft, journey: JourneyPlan) -> bool:
    """Whether no further key of mode `once` could be remembered."""
    memory = draft.journeys.get(journey.name, NO_MEMORY)
    return len(memory.once) >= ONCE_MAX * _MARK_BYTES


def note_entry(draft: Draft, journey: JourneyPlan, key: str | None, at: int) -> int:
    """Count an entry; its number, which no other entry of the customer here has (rule A6)."""
    memory = draft.journeys.get(journey.name, NO_MEMORY)
    number = memory.entry_no + 1
    if draft.identity is not None and draft.identity.ended:
        _remember_ended(draft, _others(draft, journey.name, key_in(journey, key)))
    keys, once, rule = memory.keys, memory.once, journey.reentry
    if rule.mode is ReentryMode.ONCE:
        once += _mark(key_in(journey, key))
    elif _remembers(rule):
        mine = of_key(draft, journey, key)
        entries = list(mine.entries)
        insort(entries, at)
        kept = KeyMemory(entries[-min(rule.limit or 1, ENTRIES_MAX) :], mine.ended_at)
        keys = _with(draft, rule, keys, key_in(journey, key), kept, at)
    changed = JourneyMemory(memory.latest, number, keys, once, memory.patterns)
    draft.journeys = {**draft.journeys, journey.name: changed}
    return number


def note_end(draft: Draft, journey: JourneyPlan, key: str | None, at: int) -> None:
    """Remember an end, where a re-entry rule counts from it."""
    if LINKED in draft.plan.fields:
        past = Ended(journey.name, key_in(journey, key), at)
        _remember_ended(draft, [*_others(draft, past.journey, past.key), past])
    rule = journey.reentry
    if not _remembers(rule):
        return
    memory = draft.journeys.get(journey.name, NO_MEMORY)
    mine = of_key(draft, journey, key)
    ended = at if mine.ended_at is None else max(at, mine.ended_at)
    kept = KeyMemory(mine.entries, ended)
    keys = _with(draft, rule, memory.keys, key_in(journey, key), kept, at)
    changed = JourneyMemory(memory.latest, memory.entry_no, keys, memory.once, memory.patterns)
    draft.journeys = {**draft.journeys, journey.name: changed}


def _others(draft: Draft, journey: str, key: str) -> list[Ended]:
    """The ends remembered for a merge (rule M2), those of the last day, but for that journey's."""
    known = NOBODY if draft.identity is None else draft.identity
    oldest = draft.now - ENDED_FOR_MS
    return [
        one for one in known.ended if one.at > oldest and (one.journey, one.key) != (journey, key)
    ]


def _remember_ended(draft: Draft, ended: list[Ended]) -> None:
    draft.identity = replace(draft.identity or NOBODY, ended=ended[-ENDED_MAX:])


def _remembers(rule: Reentry) -> bool:
    """Whether times of entries and ends count; for `once` the fact alone does."""
    return rule.mode is not ReentryMode.ONCE and (rule.cooldown > 0 or rule.limit is not None)


def _mark(name: str) -> bytes:
    return sha256(name.encode()).digest()[:_MARK_BYTES]


def _with(
    draft: Draft, rule: Reentry, keys: dict[str, KeyMemory], key: str, mine: KeyMemory, at: int
) -> dict[str, KeyMemory]:
    """`keys` with one written last. Where there are too many, those go whose times no longer
    count, else the one written longest ago.
    """
    kept = {name: one for name, one in keys.items() if name != key}
    if len(kept) >= KEYS_MAX:
        kept = {name: one for name, one in kept.items() if _counts(rule, one, at)}
    if len(kept) >= KEYS_MAX:
        del kept[next(iter(kept))]
        draft.drop("keys")
    kept[key] = mine
    return kept


def _counts(rule: Reentry, one: KeyMemory, at: int) -> bool:
    """Whether the memory of a key can still keep it out."""
    cooling = one.ended_at is not None and at < one.ended_at + rule.cooldown
    if cooling or rule.limit is None:
        return cooling
    return any(rule.within is None or entry > at - rule.within for entry in one.entries)
