"""What the naive interpreter found in the compiled core: each case as small as it gets."""

from typing import Any

from tests.properties.core import Core, compiled
from tests.properties.memory import MINUTE
from tests.properties.shop import START
from tests.properties.test_bounds import HOUR, definitions, happened, journey, take
from tests.properties.trees import cel

EMAIL = {"topic": "commands.email.v1", "owner": "a-team", "actions": ["send"]}


def stage(*transitions: dict[str, Any], **send: Any) -> dict[str, Any]:
    action = {"id": "hello", "content": "hello", "channels": ["email"]} | send
    return {
        "macro_stage": "early",
        "on_enter": [{"send": action}],
        "transitions": [*transitions, {"after": "9d", "to": "end"}],
    }


def core_of(only: dict[str, Any], *, needs: str = "opt_out", hold: str | None = None) -> Core:
    given = definitions(journey(stages={"waiting": only}))
    given.policies = {"purposes": {"service": {"consent": needs}}}
    given.channels = {"channels": {"email": EMAIL | ({"hold": hold} if hold else {})}}
    given.journeys[0]["updates"] = [{"on": "Added", "remember": {"x": cel(("event", "amount"))}}]
    if needs == "none":
        given.customer["consent"] = {"set": given.customer["consent"]["set"]}
    return Core(compiled(given))


def test_a_purpose_that_needs_no_consent_cannot_lose_it() -> None:
    """Rule C1 (4): `consent: none`."""
    core = core_of(stage(), needs="none")
    take(core, happened("Consented", 0, 0, purpose="service", about=None, granted=False))
    entered = take(core, happened("Viewed", 1, 1))
    assert [send["outcome"] for send in entered.sends] == ["SENT"]


def test_a_delayed_send_says_what_is_known_at_its_release() -> None:
    """Rule C2: C1 runs again with the state of then."""
    core = core_of(stage(delay="1h", data={"x": cel(("instance", "x"))}))
    take(core, happened("Viewed", 0, 0, amount=1.0))
    take(core, happened("Added", 1, 1, amount=2.0))
    released = core.tick("c:c1", START + HOUR, START + HOUR)
    assert [command["data"] for command in released.commands] == [{"x": 2.0}]


def test_every_held_command_is_taken_back_not_only_the_last_of_its_send() -> None:
    """Rule A7: two messages wait at the sender when the customer buys."""
    core = core_of(stage({"on": "Rated", "to": "waiting"}), hold="1h")
    sent = take(core, happened("Viewed", 0, 0)).commands
    sent += take(core, happened("Rated", 1, 1)).commands
    ended = take(core, happened("Bought", 2, 2))
    assert len(sent) == 2
    assert {each["cancels"] for each in ended.commands} == {each["command_id"] for each in sent}


def test_feedback_on_an_earlier_command_of_a_send_reaches_its_instance() -> None:
    """Rule I2: it reaches exactly the instance that issued the command."""
    clicked = {"on": "Clicked", "when": cel(("==", ("event", "send"), ("lit", "hello")))}
    core = core_of(stage({"on": "Rated", "to": "waiting"}, clicked | {"to": "end"}))
    first = take(core, happened("Viewed", 0, 0)).commands[0]["command_id"]
    take(core, happened("Rated", 1, 1))
    answer = take(core, happened("Clicked", 2, 2, command_id=first, amount=1.0))
    assert [each["end"] for each in answer.transitions] == ["COMPLETED"]


def test_a_withdrawal_reaches_what_is_held_after_a_goal() -> None:
    """Rule K1: `cancel_on: never` keeps a command through the goal, not against consent."""
    core = core_of(stage(cancel_on="never"), hold="1h")
    sent = take(core, happened("Viewed", 0, 0)).commands
    assert not take(core, happened("Bought", 1, 1)).commands
    withdrawal = happened("Consented", 2, 2, purpose="service", about=None, granted=False)
    assert [each["cancels"] for each in take(core, withdrawal).commands] == [sent[0]["command_id"]]


def test_a_value_seen_again_still_counts_in_the_window_of_an_earlier_event() -> None:
    """Rule K2: windows are `(t - within, t]`, also of an event that comes a little late."""
    guard = cel((">=", ("features", "prices"), ("lit", 1)))
    entry = [{"on": "Bought", "when": guard}]
    features = {"prices": {"distinct": "Viewed.amount", "within": "30m"}}
    given = definitions(journey(entry=entry, goals={"won": {"on": "Rated"}}), features=features)
    core = Core(compiled(given))
    take(core, happened("Viewed", 0, 100))
    take(core, happened("Viewed", 1, 130))
    answer = core.take(happened("Bought", 2, 120), START + 130 * MINUTE)
    assert answer.entries == [("crowd", "ENTERED")]
