"""Rules C3 and M2: what two identities of one person were sent, made one."""

from journey_engine.decide.history import ENTRY, joined
from journey_engine.decide.state import CONTACTS_MAX, Contact

PLAIN, SALE, PUSH = ("email", "m", None), ("email", "m", "sale"), ("push", "m", None)


def sent(*messages: tuple[int, int, int]) -> bytes:
    """(time, number of the command, place of its kind), as `Contact` holds them."""
    parts = ((at.to_bytes(6, "big"), mark.to_bytes(6, "big"), kind) for at, mark, kind in messages)
    return b"".join(at + mark + kind.to_bytes(2, "big") for at, mark, kind in parts)


def both(ours: Contact, theirs: Contact) -> Contact:
    found = joined(ours, theirs)
    assert joined(theirs, ours) == found
    return found


def test_m2_messages_of_both_count_in_order_of_time_with_their_kinds() -> None:
    ours = Contact([SALE, PUSH], sent((1, 11, 0), (5, 12, 1)))
    theirs = Contact([PLAIN, SALE], sent((3, 13, 1), (5, 10, 0)))
    found = both(ours, theirs)
    assert found.kinds == [PLAIN, SALE, PUSH]
    assert found.sent == sent((1, 11, 1), (3, 13, 1), (5, 10, 0), (5, 12, 2))
    assert found.lost == -1


def test_m2_a_message_that_both_know_counts_once_at_its_later_time() -> None:
    ours = Contact([PLAIN, SALE], sent((4, 11, 0), (5, 12, 1)))
    theirs = Contact([PLAIN, SALE], sent((3, 11, 0), (5, 12, 0)))
    found = both(ours, theirs)
    assert (found.kinds, found.sent) == ([PLAIN, SALE], sent((4, 11, 0), (5, 12, 1)))


def test_m2_over_the_bound_the_oldest_go_and_when_they_went_is_known() -> None:
    ours, theirs = (
        Contact([PLAIN], sent(*((at, at, 0) for at in range(part, 2 * CONTACTS_MAX, 2))))
        for part in (0, 1)
    )
    found = both(ours, theirs)
    assert len(found.sent) == CONTACTS_MAX * ENTRY
    assert found.sent[:ENTRY] == sent((CONTACTS_MAX, CONTACTS_MAX, 0))
    assert found.lost == CONTACTS_MAX - 1
    assert both(Contact(lost=7), Contact(lost=9)).lost == 9


def test_m2_the_later_slot_of_a_purpose_counts_and_its_more_winners() -> None:
    ours = Contact(slots={"m": (5, 1), "s": (0, 2)})
    theirs = Contact(slots={"m": (5, 2), "t": (3, 0)})
    assert list(both(ours, theirs).slots.items()) == [("m", (5, 2)), ("s", (0, 2)), ("t", (3, 0))]
