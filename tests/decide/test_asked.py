"""Rules M3 and A7: how much an account remembers of what it asked for, and what it takes back."""

from journey_engine.decide.account_state import ASKED_MAX, Asked
from journey_engine.errors import CandidateOutcome
from tests.decide.accounts import SENDS, Partitions, company
from tests.decide.plans import DAY, HOUR, MINUTE

ACME = "b:acme"
MANY = 40
_CLICKED = "- {on: MessageClicked, when: event.send == 'pay', to: end, outcome: clicked}"


def stage(name: str, on_click: str, cancel_on: str = "end") -> str:
    """One that asks all members, once more."""
    return f"""\
  {name}:
    macro_stage: purchase
    on_enter:
      - send:
          {{id: {name}, content: c, channels: [push], to: members, cancel_on: {cancel_on}}}
    transitions: [{{on: MessageClicked, to: {on_click}}}, {{after: 9d, to: end}}]
"""


def journey(*stages: str) -> str:
    return SENDS[: SENDS.index("  asked:\n")] + "".join(stages)


def acme(text: str, people: int) -> Partitions:
    world = Partitions(company(text))
    for number in range(people):
        world.links(f"c{number:02}", "acme", number)
        world.happens(f"c{number:02}", "PushTokenAdded", number)
    return world


def clicked(world: Partitions, at: int) -> None:
    last = world.of("commands")[-1]
    world.happens(last.customer_id, "MessageClicked", at, command_id=last.command_id)


def asked(world: Partitions) -> list[Asked]:
    account = world.states[ACME].account
    assert account is not None
    return account.asked


def test_m3_as_many_are_asked_as_may_be_and_the_rest_is_counted() -> None:
    world = acme(journey(stage("asked", "more"), stage("more", "most"), stage("most", "end")), MANY)
    world.happens("c00", "PaymentFailed", HOUR)
    assert (len(world.of("commands")), world.dropped("asked")) == (MANY, 0)
    clicked(world, 2 * HOUR)
    assert len(world.of("commands")) == len(asked(world)) == ASKED_MAX
    assert world.dropped("asked") == 2 * MANY - ASKED_MAX
    clicked(world, 3 * HOUR)
    assert len(world.of("commands")) == ASKED_MAX
    [nobody] = [one for one in world.of("sends") if one.outcome is CandidateOutcome.CANCELLED]
    assert nobody.send_id == "most"


def test_m3_what_cannot_be_taken_back_any_more_makes_room() -> None:
    world = acme(journey(stage("asked", "end", cancel_on="never")), MANY)
    for at in (HOUR, 3 * HOUR):
        world.happens("c00", "PaymentFailed", at)
        clicked(world, at + HOUR)
    assert len(world.of("commands")) == 2 * MANY
    assert world.dropped("asked") == 0
    assert [one.entry_no for one in asked(world)] == [2] * MANY


def test_m3_all_members_that_an_account_can_have_are_asked() -> None:
    world = acme(journey(stage("asked", "end")), ASKED_MAX)
    world.happens("c00", "PaymentFailed", HOUR)
    assert (len(world.of("commands")), world.dropped("asked")) == (ASKED_MAX, 0)


def test_m3_what_came_to_nothing_is_forgotten_and_what_was_sent_is_not() -> None:
    world = acme(journey(stage("asked", "end")), 3)
    world.happens("c01", "PushTokenRemoved", HOUR)
    world.happens("c00", "PaymentFailed", HOUR)
    assert [(one.customer, one.waits) for one in asked(world)] == [("c00", False), ("c02", False)]


def test_a7_a_leave_takes_back_what_says_so_and_nothing_else() -> None:
    stays = "- send: {id: stays, content: c, channels: [email], to: members, cancel_on: never}"
    text = SENDS.replace("[push]", "[email]").replace("TO", "members")
    text = text.replace(
        "          expires: 1d\n", "          expires: 1d\n          cancel_on: leave\n"
    )
    text = text.replace("    transitions:\n", f"      {stays}\n    transitions:\n", 1)
    text = text.replace(_CLICKED, "- {on: CartUpdated, to: alone}")
    world = Partitions(company(text))
    for number, who in enumerate(("anna", "bob")):
        world.links(who, "acme", number)
        world.happens(who, "EmailVerified", number)
    world.happens("bob", "PaymentFailed", HOUR)
    assert len(world.of("commands")) == 4
    world.happens("bob", "CartUpdated", HOUR + MINUTE)
    sent, cancels = world.of("commands")[:4], world.of("commands")[4:]
    taken = {one.command_id for one in sent if one.send_id == "pay"}
    assert {one.cancels for one in cancels} == taken
    assert [one.action for one in asked(world)] == ["stays"] * 2
    world.tick(2 * DAY)
    assert world.stages == {}
    assert len(world.of("commands")) == 6
