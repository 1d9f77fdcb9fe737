"""A journey as Mermaid text."""

import pytest

from journey_engine.define.allocation import allocated
from journey_engine.define.diagram import mermaid
from tests.define.definitions import CART, MILESTONES, bent, compiled
from tests.define.error_cases import ENGAGED, split


def test_a_journey_is_drawn_with_all_its_ways() -> None:
    assert mermaid(compiled().by_name["cart"]) == (
        "stateDiagram-v2\n"
        '  state "cart v3" as journey {\n'
        '    state "waiting" as waiting\n'
        '    state "nudged" as nudged\n'
        '    state "engaged" as engaged\n'
        "    [*] --> waiting: on CartUpdated, when event.total != null && event.total #62; 50.0\n"
        "    waiting --> nudged: after 4h, reset_on CartUpdated\n"
        "    nudged --> engaged: on MessageClicked, when event.send == 'reminder'\n"
        "    nudged --> [*]: after 2d\n"
        "    engaged --> [*]: after 2d, outcome clicked\n"
        "  }\n"
        "  journey --> [*]: goal order_placed, on OrderPlaced\n"
        "  journey --> [*]: exit emptied, on CartEmptied\n"
        "  journey --> [*]: abandoned after 30d\n"
    )


@pytest.mark.parametrize("word", ["note", "Note", "style", "classDef"])
def test_a_name_that_mermaid_cannot_take_is_only_shown(word: str) -> None:
    files = bent(CART, "to: engaged", f"to: {word}")
    files = bent(CART, "  engaged:", f"  {word}:", files)

    picture = mermaid(compiled(files).by_name["cart"])

    assert f'state "{word}" as stage_2' in picture
    assert "nudged --> stage_2:" in picture


def test_a_name_in_its_place_is_no_other_stages() -> None:
    files = bent(CART, "to: engaged", "to: win-back")
    files = bent(CART, "  engaged:", "  win-back:", files)
    files = {**files, CART: files[CART].replace("waiting", "stage_2")}

    picture = mermaid(compiled(files).by_name["cart"])

    assert 'state "stage_2" as stage_2\n' in picture
    assert 'state "win-back" as stage_3\n' in picture


def test_what_a_transition_does_without_leaving_is_an_arrow_to_itself() -> None:
    stays = "{on: CartUpdated, do: [{task: {id: again, channel: callcenter, team: desk}}]}"
    files = bent(
        CART, "      - {after: 2d, to: end}", f"      - {stays}\n      - {{after: 2d, to: end}}"
    )

    assert "nudged --> nudged: on CartUpdated, task again" in mermaid(
        compiled(files).by_name["cart"]
    )


def test_a_pattern_is_shown_in_full() -> None:
    pattern = (
        "{sequence: [CartUpdated, {on: CartEmptied, when: 'event.backfill'}], within: 1d, "
        "since: entry, to: nudged}"
    )
    wait = "{on: CartUpdated, not_followed_by: [CartEmptied, OrderPlaced], within: 1h, to: nudged}"
    many = "{all: [CartUpdated, [CartEmptied, OrderPlaced]], within: 1h}"
    files = bent(
        CART, "{after: 4h, reset_on: CartUpdated, to: nudged}", f"{pattern}\n      - {wait}"
    )
    files = bent(CART, "entry:\n", f"entry:\n  - {many}\n", files)

    picture = mermaid(compiled(files).by_name["cart"])

    assert (
        "waiting --> nudged: sequence CartUpdated then CartEmptied when event.backfill, "
        "within 1d, since entry\n"
    ) in picture
    assert (
        "waiting --> nudged: on CartUpdated, not_followed_by CartEmptied | OrderPlaced, within 1h\n"
    ) in picture
    assert "[*] --> waiting: all CartUpdated and CartEmptied | OrderPlaced, within 1h\n" in picture


def test_the_ways_out_of_junctions_are_drawn() -> None:
    choose = "    choose: [{when: instance.total > 90.0, to: nudged}, {to: end, outcome: small}]"
    chosen = mermaid(compiled(bent(CART, ENGAGED, choose)).by_name["cart"])
    files = bent(CART, ENGAGED, split("12.5%", "87.5%"))
    files["topologies/experiments.lock.yaml"] = allocated(files).text
    drawn = mermaid(compiled(files).by_name["cart"])

    assert "    state engaged <<choice>>\n" in chosen
    assert "    engaged --> nudged: engaged#58; when instance.total #62; 90.0\n" in chosen
    assert "    engaged --> [*]: engaged#58; else, outcome small\n" in chosen
    assert "    engaged --> [*]: engaged#58; experiment e, one 12.5 per cent\n" in drawn


def test_milestones_are_a_note_beside_the_first_stage() -> None:
    picture = mermaid(compiled(bent(CART, "version: 3", MILESTONES)).by_name["cart"])

    assert (
        "    note left of waiting\n"
        "      milestone back, on ProductViewed, scope customer\n"
        "      milestone filled, on CartUpdated, when event.total #62; 90.0\n"
        "    end note\n"
    ) in picture
