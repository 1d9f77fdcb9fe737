"""`journey-engine explain`."""

import codecs
import gc
import json
import tracemalloc
from pathlib import Path

import pytest

from journey_engine.simulate import SHOP_LOG
from tests.cli.conftest import Engine

DUNNING = """
journey: dunning
version: 1
owner: team
objective: Bills are paid
success: paid
review_by: 2027-03-01
subject: account
purpose: transactional
entry: [{on: PaymentFailed, remember: {by: event.customer_id}}]
goals: {paid: {on: PaymentSucceeded}}
start: asking
stages:
  asking:
    macro_stage: purchase
    on_enter: [{send: {id: pay, to: event.customer_id, content: please-pay, channels: [sms]}}]
    transitions: [{after: 3d, to: end}]
"""


def test_explain_tells_the_story_of_one_customer(engine: Engine, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    shared = {"customer_id": "anna", "channel": "web", "source": "shop"}
    events = [
        {"type": "CartUpdated", "event_id": "1", "occurred_at": "2026-03-01T10:00:00Z"},
        {"type": "CartUpdated", "event_id": "2", "occurred_at": "2026-03-02T10:00:00Z"},
    ]
    log.write_text("".join(json.dumps(shared | each | {"cart_id": "k"}) + "\n" for each in events))
    said = engine("explain", "--events", log, "--customer", "anna")
    assert said.code == 0
    assert "cart-rescue" in said.out
    assert "2026-03-01T14:00:00" in said.out  # four hours later the reminder
    told = json.loads(engine("explain", "--events", log, "--customer", "anna", "--json").out)
    assert [each["at"][:16] for each in told["inputs"]][:2] == [
        "2026-03-01T10:00",
        "2026-03-01T14:00",
    ]
    nobody = engine("explain", "--events", log, "--customer", "bert")
    assert nobody.code == 1
    assert "bert" in nobody.err


def test_what_an_account_asked_for_is_explained(
    engine: Engine, topologies: Path, tmp_path: Path
) -> None:
    (topologies / "journeys/dunning.yaml").write_text(DUNNING)
    log = tmp_path / "log.jsonl"
    shared = {"customer_id": "anna", "channel": "web", "source": "shop"}
    events: list[dict[str, str]] = [
        {"type": "AccountLinked", "account_id": "acme"},
        {"type": "PhoneVerified"},
        {"type": "PaymentFailed"},
        {"type": "PhoneVerified", "customer_id": "bert"},
    ]
    log.write_text(
        "".join(
            json.dumps(
                {**shared, "event_id": f"{n}", "occurred_at": f"2026-03-01T{n + 10}:00Z", **e}
            )
            + "\n"
            for n, e in enumerate(events)
        )
    )
    words = ("explain", "--topologies", topologies, "--events", log, "--customer")
    assert "dunning: pay: SENT" in engine(*words, "anna", "--content", "please-pay").out
    unasked = engine(*words, "bert", "--content", "please-pay").out
    assert "no account that the customer belongs to asked for it" in unasked
    assert "dunning began in stage asking" in engine(*words, "acme").out


def test_an_event_id_that_looks_like_markup_is_explained_as_it_is(
    engine: Engine, tmp_path: Path
) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(
        '{"type": "CartUpdated", "event_id": "e-1[/vip]", "customer_id": "anna", "channel": "web",'
        ' "source": "shop", "occurred_at": "2026-03-01T10:00:00Z", "cart_id": "k"}\n'
    )
    said = engine("explain", "--events", log, "--customer", "anna")
    assert said.code == 0
    assert "CartUpdated (e-1[/vip])" in said.out


def test_of_a_long_log_only_the_customer_is_kept(engine: Engine, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    shared = {"type": "ProductSearched", "channel": "web", "source": "shop"}
    times = range(1_772_445_600_000, 1_772_445_600_000 + 3_000 * 1_000, 1_000)
    log.write_text(
        "".join(
            json.dumps(
                {
                    **shared,
                    "event_id": f"{at}",
                    "customer_id": f"c{at // 1_000 % 50}",
                    "occurred_at": at,
                }
            )
            + "\n"
            for at in times
        )
    )
    gc.collect()
    tracemalloc.start()
    try:
        assert engine("explain", "--events", log, "--customer", "c7").code == 0
        assert tracemalloc.get_traced_memory()[1] < 15_000_000  # 19 million with all decisions
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("more", [(), ("--content", "cart-reminder")])
def test_nobody_is_told_to_a_program_as_a_failure(
    engine: Engine, more: tuple[str, ...], tmp_path: Path
) -> None:
    decisions = tmp_path / "decisions.jsonl"
    decisions.touch()
    for source in (("--events", SHOP_LOG), *([("--decisions", decisions)] if more else [])):
        said = engine("explain", *source, "--customer", "c9999", *more, "--json")
        document = json.loads(said.out)
        assert (said.code, document["ok"]) == (1, False)
        assert "'c9999'" in document["errors"][0]["message"]


def test_decisions_may_have_blank_lines_and_a_mark_at_their_beginning(
    engine: Engine, tmp_path: Path
) -> None:
    engine("replay", "--events", SHOP_LOG, "--out", tmp_path)
    decisions = tmp_path / "decisions.jsonl"
    asked = ("explain", "--customer", "c0151", "--content", "cart-reminder")
    before = engine(*asked, "--decisions", decisions)
    decisions.write_bytes(codecs.BOM_UTF8 + decisions.read_bytes().replace(b"\n", b"\r\n\n"))
    assert engine(*asked, "--decisions", decisions) == before
    assert before.code == 0
