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
from journey_engine.define.plan import JourneyPlan, Plan, Reentry, ReentryMode
from journey_engine.define.reading_plan import Reading

NO_MEMORY: Final = JourneyMemory()
NO_KEY_MEMORY: Final = KeyMemory()
_MARK_BYTES: Final = 8
_fields: Final = astuple
_memory: Final = JourneyMemory


def read(draft: Draft, reading: Reading, event: Event) -> tuple[bool, ...]:
    """Note the event as read by journeys, and tell for which of `Reading.asked` it is late (rule
    T7).

    Back-filled history counts as late, and makes nothing else late.
    """
    if event.backfill:
        return reading.all_late
    if _note(draft, reading, event.type, event.occurred_at):
        return tuple([is_late(draft, asked.journey, event) for asked in reading.asked])
    return reading.none_late


def _note(draft: Draft, reading: Reading, name: str, at: int) -> bool:
    """Keep the time where it is the latest; whether the event may be late for a journey."""
    places: dict[str, int] = reading.places
    late_before: int = at + reading.lateness
    strangers, behind = len(places), False
    newer: dict[str, JourneyMemory] | None = None
    for journey, memory in draft.journeys.items():
        if journey not in places:
            continue
        strangers -= 1
        latest: int
        latest, entry_no, keys, once, kept = _fields(memory)
        if at > latest:
            if newer is None:
                newer = dict(draft.journeys)
            newer[journey] = _memory(at, entry_no, keys, once, kept)
        elif latest > late_before:
            behind = True
    if newer is not None:
        draft.journeys = newer
    if not strangers:
        return behind
    for latest in draft.latest.values():
        behind = behind or latest > late_before
    _note_type(draft, name, at)
    return behind


def _note_type(draft: Draft, name: str, at: int) -> None:
    before = draft.latest.get(name)
    if before is None:
        draft.latest = {**_wanted(draft), name: at}
    elif at > before:
        draft.latest = {**draft.latest, name: at}


def _wanted(draft: Draft) -> dict[str, int]:
    """`latest` but for the types that no journey without a memory reads."""
    readings, journeys = draft.plan.readings, draft.journeys
    return {
        name: at
        for name, at in draft.latest.items()
        if name in readings and any(one not in journeys for one in readings[name].places)
    }


def is_late(draft: Draft, journey: JourneyPlan, event: Event) -> bool:
    """Whether the event is late for a journey."""
    latest = latest_read(draft.plan, draft.journeys, draft.latest, journey.name)
    return event.occurred_at < latest - journey.lateness


def latest_read(
    plan: Plan, journeys: dict[str, JourneyMemory], latest: dict[str, int], name: str
) -> int:
    """When the latest event happened that the journey of this name read; -1 without any."""
    memory = journeys.get(name)
    if memory is not None:
        return memory.latest
    found = NO_MEMORY.latest
    for event_type, at in latest.items():
        reading = plan.readings.get(event_type)
        if reading is not None and name in reading.places:
            found = max(found, at)
    return found


def of_journey(draft: Draft, name: str) -> JourneyMemory:
    """What is remembered of a journey, to be changed and given to `keep`."""
    memory = draft.journeys.get(name)
    if memory is None:
        memory = JourneyMemory(latest_read(draft.plan, draft.journeys, draft.latest, name))
    return memory


def keep(draft: Draft, name: str, memory: JourneyMemory) -> None:
    """Remember that of a journey from now on."""
    known = name in draft.journeys
    draft.journeys = {**draft.journeys, name: memory}
    if draft.latest and not known:
        draft.latest = _wanted(draft)


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
    memory = of_journey(draft, journey.name)
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
    keep(draft, journey.name, changed)
    return number


def note_end(draft: Draft, journey: JourneyPlan, key: str | None, at: int) -> None:
    """Remember an end, where a re-entry rule counts from it."""
    if LINKED in draft.plan.fields:
        past = Ended(journey.name, key_in(journey, key), at)
        _remember_ended(draft, [*_others(draft, past.journey, past.key), past])
    rule = journey.reentry
    if not _remembers(rule):
        return
    memory = of_journey(draft, journey.name)
    mine = of_key(draft, journey, key)
    ended = at if mine.ended_at is None else max(at, mine.ended_at)
    kept = KeyMemory(mine.entries, ended)
    keys = _with(draft, rule, memory.keys, key_in(journey, key), kept, at)
    changed = JourneyMemory(memory.latest, memory.entry_no, keys, memory.once, memory.patterns)
    keep(draft, journey.name, changed)


def _others(draft: Draft, journey: str, key: str) -> list[Ended]:
    """The ends remembered for a merge (rule M2), those of the last day, but for that journey's."""
    known = NOBODY if draft.identity is None else draft.identity
    oldest = draft.now - ENDED_FOR_MS
    return [
        one for one in known.ended if one.at > oldest and (one.journey, one.key) != (journey, key)
    ]


def _remember_ended(draft: Draft, ended: list[Ended]) -> None:
    if len(ended) > ENDED_MAX:
        draft.drop("ended", len(ended) - ENDED_MAX)
        ended = ended[-ENDED_MAX:]
    draft.identity = replace(draft.identity or NOBODY, ended=ended)


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
