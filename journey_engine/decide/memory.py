"""What a journey leaves behind with a customer beyond its instances (rules T7, I3, A6).

Only what a re-entry rule asks for is kept: nothing of ends and entries where a journey has no
`once`, `cooldown` or `limit`.
"""

from bisect import insort

from journey_engine.decide.draft import Draft
from journey_engine.decide.event import Event
from journey_engine.decide.state import ENTRIES_MAX, KEYS_MAX, JourneyMemory, KeyMemory
from journey_engine.define.plan import Asked, JourneyPlan, Reentry, ReentryMode

NO_MEMORY = JourneyMemory()
NO_KEY_MEMORY = KeyMemory()


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
        latest = at if memory is None else memory.latest
        late.append(at < latest - journey.lateness)
        if memory is None or at > latest:
            if newer is None:
                newer = dict(draft.journeys)
            newer[journey.name] = (
                JourneyMemory(at)
                if memory is None
                else JourneyMemory(at, memory.entry_no, memory.keys)
            )
    if newer is not None:
        draft.journeys = newer
    return late


def key_in(journey: JourneyPlan, key: str | None) -> str:
    """The name under which re-entry is counted: a key's, or the customer's."""
    return "" if journey.reentry.per_customer or key is None else key


def of_key(draft: Draft, journey: JourneyPlan, key: str | None) -> KeyMemory:
    """What is remembered for re-entry with this key."""
    memory = draft.journeys.get(journey.name, NO_MEMORY)
    return memory.keys.get(key_in(journey, key), NO_KEY_MEMORY)


def note_entry(draft: Draft, journey: JourneyPlan, key: str | None, at: int) -> int:
    """Count an entry; its number, which no other entry of the customer here has (rule A6)."""
    memory = draft.journeys.get(journey.name, NO_MEMORY)
    number = memory.entry_no + 1
    keys = memory.keys
    if _remembers(journey.reentry):
        mine = of_key(draft, journey, key)
        entries = list(mine.entries)
        insort(entries, at)
        kept = min(journey.reentry.limit or 1, ENTRIES_MAX)
        keys = _with(draft, keys, key_in(journey, key), KeyMemory(entries[-kept:], mine.ended_at))
    draft.journeys = {**draft.journeys, journey.name: JourneyMemory(memory.latest, number, keys)}
    return number


def note_end(draft: Draft, journey: JourneyPlan, key: str | None, at: int) -> None:
    """Remember an end, where a re-entry rule counts from it."""
    if not _remembers(journey.reentry):
        return
    memory = draft.journeys.get(journey.name, NO_MEMORY)
    mine = of_key(draft, journey, key)
    ended = at if mine.ended_at is None else max(at, mine.ended_at)
    keys = _with(draft, memory.keys, key_in(journey, key), KeyMemory(mine.entries, ended))
    changed = JourneyMemory(memory.latest, memory.entry_no, keys)
    draft.journeys = {**draft.journeys, journey.name: changed}


def _remembers(rule: Reentry) -> bool:
    return rule.mode is ReentryMode.ONCE or rule.cooldown > 0 or rule.limit is not None


def _with(
    draft: Draft, keys: dict[str, KeyMemory], key: str, mine: KeyMemory
) -> dict[str, KeyMemory]:
    """`keys` with one written last; the one written longest ago goes where there are too many."""
    kept = {name: one for name, one in keys.items() if name != key}
    if len(kept) >= KEYS_MAX:
        del kept[next(iter(kept))]
        draft.drop("keys")
    kept[key] = mine
    return kept
