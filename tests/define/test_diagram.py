"""A journey as Mermaid text."""

from journey_engine.define.diagram import mermaid
from tests.define.definitions import CART, bent, compiled


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


def test_a_name_that_mermaid_cannot_take_is_only_shown() -> None:
    files = bent(CART, "to: engaged", "to: note")
    files = bent(CART, "  engaged:", "  note:", files)

    picture = mermaid(compiled(files).by_name["cart"])

    assert 'state "note" as stage_2' in picture
    assert "nudged --> stage_2:" in picture


def test_what_a_transition_does_without_leaving_is_an_arrow_to_itself() -> None:
    stays = "{on: CartUpdated, do: [{send: {id: again, content: x, channels: [email]}}]}"
    files = bent(
        CART, "      - {after: 2d, to: end}", f"      - {stays}\n      - {{after: 2d, to: end}}"
    )

    assert "nudged --> nudged: on CartUpdated, send again" in mermaid(
        compiled(files).by_name["cart"]
    )
