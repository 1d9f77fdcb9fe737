"""The messages that a customer got, as far as caps and themes look back (rule C3).

A message counts when its command is written, and is given back if it never leaves or never
arrives. One that somebody else sent counts when it was sent, at the latest now. Each is 14 bytes
(`state.Contact`); what lies further back than any cap or theme looks is forgotten.
"""

from hashlib import blake2b
from typing import Final

from journey_engine.decide.draft import Draft
from journey_engine.decide.event import Event
from journey_engine.decide.state import CONTACTS_MAX, Contact

ENTRY: Final = 14
_TIME, _MARK_END = 6, 12
_PURPOSE, _THEME = "purpose", "theme"
NO_SLOT: Final = (-1, 0)
"""Of a purpose that has not decided at a slot yet: when, and how many won."""

Kind = tuple[str, str, str | None]
"""Channel, purpose, theme."""


def count(draft: Draft, command_id: str, kind: Kind, at: int) -> None:
    """Count a message of ours."""
    if draft.plan.policy.memory:
        _add(draft, _mark(command_id), kind, at)


def count_external(draft: Draft, event: Event) -> None:
    """Count a message that an event tells of; one of a purpose that nobody knows counts nowhere."""
    purpose, theme = event.fields.get(_PURPOSE), event.fields.get(_THEME)
    if not isinstance(purpose, str) or purpose not in draft.plan.policy.purposes:
        return
    channel = event.channel if event.channel in draft.plan.channels else ""
    name = f"{event.source}\0{event.event_id}".encode("utf-8", "surrogatepass")
    mark = blake2b(name, digest_size=_MARK_END - _TIME).digest()
    kind = (channel, purpose, theme if isinstance(theme, str) else None)
    _add(draft, mark, kind, min(event.occurred_at, draft.now))


def give_back(draft: Draft, command_id: str) -> None:
    """A message did not leave or not arrive: it counts no longer."""
    contact = draft.contact
    try:
        mark = _mark(command_id)
    except ValueError:
        return  # no command of ours
    for place in range(0, len(contact.sent), ENTRY):
        if contact.sent[place + _TIME : place + _MARK_END] == mark:
            left = contact.sent[:place] + contact.sent[place + ENTRY :]
            draft.contact = Contact(contact.kinds, left, contact.lost, contact.slots)
            return


def used(contact: Contact, kinds: set[int], since: int) -> int:
    """How many messages of these kinds (places in `kinds`) were written after `since`."""
    found = 0
    for place in range(len(contact.sent) - ENTRY, -1, -ENTRY):
        if _at(contact.sent, place) <= since:
            break
        found += _kind(contact.sent, place) in kinds
    return found


def joined(ours: Contact, theirs: Contact) -> Contact:
    """What two identities of one person got: the union by command, which may stand above a cap
    (rule M2). Of one that both know the later time counts, by which it is kept or goes.
    """
    both: dict[bytes, tuple[bytes, Kind]] = {}
    for contact in (ours, theirs):
        for place in range(0, len(contact.sent), ENTRY):
            mark = contact.sent[place + _TIME : place + _MARK_END]
            kind = contact.kinds[_kind(contact.sent, place)]
            known = both.get(mark)
            one = (contact.sent[place : place + _TIME], kind)
            both[mark] = one if known is None else max(known, one, key=_shown)
    ordered = sorted(((time, mark, kind) for mark, (time, kind) in both.items()), key=_placed)
    lost = max(ours.lost, theirs.lost)
    if len(ordered) > CONTACTS_MAX:
        over = len(ordered) - CONTACTS_MAX
        lost = max(lost, int.from_bytes(ordered[over - 1][0], "big"))
        ordered = ordered[over:]
    kinds = sorted({kind for _, _, kind in ordered}, key=_named)
    sent = b"".join(
        time + mark + kinds.index(kind).to_bytes(2, "big") for time, mark, kind in ordered
    )
    slots = {
        purpose: max(ours.slots.get(purpose, NO_SLOT), theirs.slots.get(purpose, NO_SLOT))
        for purpose in sorted({*ours.slots, *theirs.slots})
    }
    return Contact(kinds, sent, lost, slots)


def _shown(one: tuple[bytes, Kind]) -> tuple[bytes, tuple[str, str, str]]:
    return (one[0], _named(one[1]))


def _named(kind: Kind) -> tuple[str, str, str]:
    return (kind[0], kind[1], kind[2] or "")


def _placed(one: tuple[bytes, bytes, Kind]) -> tuple[bytes, bytes]:
    return (one[0], one[1])


def _add(draft: Draft, mark: bytes, kind: Kind, at: int) -> None:
    policy = draft.plan.policy
    contact = draft.contact
    oldest = draft.now - policy.memory
    if at <= oldest:
        return
    shown = (kind[0], kind[1], kind[2] if kind[2] in policy.conflicts else None)
    entries, kinds, lost = _trimmed(draft, contact, oldest)
    if shown not in kinds:
        kinds = [*kinds, shown]
    place = len(entries)
    while place and _at(entries[place - 1], 0) > at:
        place -= 1
    written = max(at, 0).to_bytes(_TIME, "big") + mark + kinds.index(shown).to_bytes(2, "big")
    entries.insert(place, written)
    draft.contact = Contact(kinds, b"".join(entries), lost, contact.slots)


def _trimmed(draft: Draft, contact: Contact, oldest: int) -> tuple[list[bytes], list[Kind], int]:
    """What is still looked at, with room for one more."""
    sent = contact.sent
    kept = [sent[place : place + ENTRY] for place in range(0, len(sent), ENTRY)]
    while kept and _at(kept[0], 0) <= oldest:
        kept = kept[1:]
    lost = contact.lost if contact.lost > oldest else -1
    if len(kept) >= CONTACTS_MAX:
        over = len(kept) - CONTACTS_MAX + 1
        lost = max(lost, _at(kept[over - 1], 0))
        kept = kept[over:]
        draft.drop("contact", over)
    return _renumbered(kept, contact.kinds, lost)


def _renumbered(
    entries: list[bytes], kinds: list[Kind], lost: int
) -> tuple[list[bytes], list[Kind], int]:
    """The entries with none but the kinds that they use."""
    places = sorted({_kind(entry, 0) for entry in entries})
    if len(places) == len(kinds):
        return entries, kinds, lost
    new = {old: place.to_bytes(2, "big") for place, old in enumerate(places)}
    renamed = [entry[:_MARK_END] + new[_kind(entry, 0)] for entry in entries]
    return renamed, [kinds[place] for place in places], lost


def _mark(command_id: str) -> bytes:
    """48 bits of the command's id."""
    return bytes.fromhex(command_id[:8] + command_id[9:13])


def _at(sent: bytes, place: int) -> int:
    return int.from_bytes(sent[place : place + _TIME], "big")


def _kind(sent: bytes, place: int) -> int:
    return int.from_bytes(sent[place + _MARK_END : place + ENTRY], "big")
