"""Law 6: whatever a customer does, the state stays small and the ways out keep working."""

from dataclasses import replace
from typing import Any

import pytest

from journey_engine.decide.state import EMPTY, STATE_BYTES_MAX
from journey_engine.encode.state import encode_state
from tests.properties.core import Core, compiled
from tests.properties.generate import Definitions
from tests.properties.memory import MINUTE, Answer, Happened
from tests.properties.shop import START
from tests.properties.trees import cel

HOUR = 60 * MINUTE
CHANNELS = {"email": {"topic": "commands.email.v1", "owner": "a-team", "actions": ["send"]}}
CONSENT = {
    "set": {
        "on": "Consented",
        "purpose": cel(("event", "purpose")),
        "channel": cel(("event", "about")),
        "granted": cel(("event", "granted")),
    },
    "default": {"service": "granted"},
}


def journey(**more: Any) -> dict[str, Any]:
    return {
        "journey": "crowd",
        "version": 1,
        "owner": "a-team",
        "objective": "To be full",
        "success": "won",
        "review_by": "2027-01-01",
        "purpose": "service",
        "entry": [
            {
                "on": "Viewed",
                "remember": {"x": cel(("event", "amount")), "label": cel(("event", "label"))},
            }
        ],
        "goals": {"won": {"on": "Bought"}},
        "start": "waiting",
        "stages": {
            "waiting": {"macro_stage": "early", "transitions": [{"after": "9d", "to": "end"}]}
        },
    } | more


def definitions(*journeys: dict[str, Any], **customer: Any) -> Definitions:
    return Definitions(
        journeys=list(journeys),
        customer={"consent": CONSENT} | customer,
        policies={"purposes": {"service": {"consent": "opt_out"}}},
        channels={"channels": CHANNELS},
    )


def happened(type_: str, number: int, minute: int, **fields: Any) -> Happened:
    shop = {"k": None, "n": 1, "amount": 1.0, "label": "red"}
    at = START + minute * MINUTE
    return Happened(
        type=type_,
        event_id=f"e{number}",
        customer_id="c1",
        anonymous_id=None,
        at=at,
        fields=fields if type_ in ("Consented", "Clicked") else shop | fields,
        topic="interactions.web.v1",
        offset=number,
        recorded_at=at,
    )


def take(core: Core, event: Happened) -> Answer:
    answer = core.take(event, event.at)
    assert len(encode_state(core.states["c:c1"])) <= STATE_BYTES_MAX
    return answer


SEND = {"send": {"id": "hello", "content": "hello", "channels": ["email"], "delay": "8d"}}


@pytest.mark.parametrize("length", [1, 200, 20_000])
def test_a_customer_with_hundreds_of_keys_and_long_texts(length: int) -> None:
    stage = {"macro_stage": "early", "on_enter": [SEND]}
    stages = {"waiting": stage | {"transitions": [{"after": "9d", "to": "end"}]}}
    crowd = journey(key=cel(("event", "k")), max_live=128, stages=stages)
    features = {"texts": {"recent": "Viewed.label", "keep": 64}}
    core = Core(compiled(definitions(crowd, features=features)))
    refused: set[str] = set()
    for number in range(300):
        text = f"{number}".rjust(length, "x")
        answer = take(core, happened("Viewed", number, number, k=text[-500:], label=text))
        refused.update(outcome for _, outcome in answer.entries)
    assert refused & {"STATE_LIMIT", "MAX_LIVE"}
    live = core.states["c:c1"].instances
    assert live
    end = take(core, happened("Bought", 1_000, 301, k=live[0].key))
    assert [each["end"] for each in end.transitions] == ["GOAL"]
    waiting = len(core.states["c:c1"].pending)
    assert waiting
    withdrawal = happened("Consented", 1_001, 302, purpose="service", about=None, granted=False)
    answer = take(core, withdrawal)
    assert [send["outcome"] for send in answer.sends] == ["CANCELLED"] * waiting
    assert not core.states["c:c1"].pending


def test_a_timer_that_arms_itself_in_the_past_ends() -> None:
    """A self-transition counted from a send that is not sent again would fire for ever."""
    send = {"send": {"id": "hello", "content": "hello", "channels": ["email"]}}
    way = {"after": "10m", "since": "hello", "to": "waiting"}
    out = {"on": "Rated", "to": "end"}
    stages = {"waiting": {"macro_stage": "early", "on_enter": [send], "transitions": [way, out]}}
    core = Core(compiled(definitions(journey(stages=stages))))
    take(core, happened("Viewed", 0, 0))
    take(core, happened("Consented", 1, 1, purpose="service", about=None, granted=False))
    now = START + 10 * MINUTE
    for _ in range(100):
        due = core.next_due("c:c1")
        if due is None or due > now:
            break
        core.tick("c:c1", now, now)
    else:
        pytest.fail("it fires for ever")


def test_a_long_history_keeps_features_within_one_bucket() -> None:
    """Rule K2: exact to 64 entries, then 32 equal buckets of the window."""
    features = {"views": {"count": "Viewed", "within": "8h"}}
    wanted = {"views": 0}
    guard = cel((">=", ("features", "views"), ("lit", 200)))
    busy = journey(entry=[{"on": "Bought", "when": guard}], goals={"won": {"on": "Rated"}})
    core = Core(compiled(definitions(busy, features=features)))
    first = None
    for number in range(480):
        take(core, happened("Viewed", number, number))
        wanted["views"] = min(number + 1, 480)
        answer = take(core, happened("Bought", 1_000 + number, number))
        if ("crowd", "ENTERED") in answer.entries and first is None:
            first = wanted["views"]
    assert first is not None
    assert 200 <= first <= 200 + 480 // 32 + 1


def test_a_late_event_does_not_enter_but_ends() -> None:
    """Rule T7."""
    core = Core(compiled(definitions(journey(key=cel(("event", "k"))))))
    take(core, happened("Viewed", 0, 600, k="a"))
    late = happened("Viewed", 1, 0, k="b")
    answer = core.take(late, START + 600 * MINUTE)
    assert (answer.outcome, answer.entries) == ("LATE", [("crowd", "LATE")])
    ended = core.take(replace(happened("Bought", 2, 1, k="a")), START + 600 * MINUTE)
    assert [each["end"] for each in ended.transitions] == ["GOAL"]
    assert core.states["c:c1"] != EMPTY
