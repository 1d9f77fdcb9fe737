"""Rule I6 as written: exits that lead into another journey."""

from tests.define.definitions import CART, FILES, bent, compiled, errors_of

NEXT = "topologies/journeys/next.yaml"
EXIT = "{on: CartEmptied, reason: emptied}"
SECOND = """\
journey: next
version: 1
owner: growth-team
objective: Take them on
success: done
review_by: 2027-03-01
purpose: service
entry: [{on: AccountOpened, remember: {name: event.first_name}}]
updates: [{on: OrderPlaced, remember: {total: event.total}}]
goals: {done: {on: OrderPlaced}}
start: begun
stages:
  begun:
    macro_stage: purchase
    transitions: [{after: 2d, to: end}]
"""


def with_exit(exit_: str, second: str = SECOND) -> dict[str, str]:
    return {**bent(CART, EXIT, exit_), NEXT: second}


def codes(files: dict[str, str]) -> list[str]:
    return [error.code for error in errors_of(files)]


def test_i6_a_switch_is_compiled_with_what_it_takes_along() -> None:
    exit_ = "{on: CartEmptied, switch_to: next, with: {total: instance.total, name: event.cart_id}}"
    (clause,) = compiled(with_exit(exit_)).by_name["cart"].exits["CartEmptied"]

    assert clause.name == "next"
    assert clause.key is not None
    assert clause.switch is not None
    assert (clause.switch.to, clause.switch.key) == ("next", None)
    assert [(name, one.kind) for name, one in clause.switch.context] == [
        ("name", "string"),
        ("total", "double"),
    ]


def test_i6_the_reason_is_the_label_where_both_are_given() -> None:
    exit_ = "{on: CartEmptied, reason: emptied, switch_to: next}"
    (clause,) = compiled(with_exit(exit_)).by_name["cart"].exits["CartEmptied"]

    assert clause.name == "emptied"


def test_i6_the_key_is_that_of_the_other_journey() -> None:
    keyed = SECOND.replace("entry:", "key: event.event_id\nentry:")
    files = with_exit("{on: CartEmptied, switch_to: next}", keyed)
    (clause,) = compiled(files).by_name["cart"].exits["CartEmptied"]
    assert clause.switch is not None
    assert clause.switch.key is not None
    assert clause.switch.key.text == "event.event_id"

    key = "instance.total > 90.0 ? 'rich' : 'poor'"
    named = f'{{on: CartEmptied, switch_to: next, key: "{key}"}}'
    (clause,) = compiled(with_exit(named, files[NEXT])).by_name["cart"].exits["CartEmptied"]
    assert clause.switch is not None
    assert clause.switch.key is not None
    assert clause.switch.key.text == key
    assert clause.key is not None
    assert clause.key.text == "event.cart_id"


def test_i6_a_key_for_a_journey_without_one_is_refused() -> None:
    assert codes(with_exit("{on: CartEmptied, switch_to: next, key: event.cart_id}")) == [
        "KEY_NOT_DECLARED"
    ]


def test_i4_the_first_stage_of_a_journey_reads_only_what_switches_have_too() -> None:
    greets = SECOND.replace(
        "transitions:",
        "on_enter:\n"
        "      - send: {id: hi, content: hi, channels: [email], data: {n: event.first_name}}\n"
        "    transitions:",
    )
    assert codes({**FILES, NEXT: greets}) == []
    assert codes(with_exit("{on: CartEmptied, switch_to: next}", greets)) == ["UNKNOWN_FIELD"]


def test_i6_what_is_broken_in_the_other_journey_is_not_reported_twice() -> None:
    broken = SECOND.replace("name: event.first_name", "name: event.nobody")
    assert codes(with_exit("{on: CartEmptied, switch_to: next, with: {name: '1'}}", broken)) == [
        "UNKNOWN_FIELD"
    ]
