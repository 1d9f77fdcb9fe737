"""What the lint says of a guard (rules F3, V4): what is certain, and nothing else."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey_engine.define.expression import EvaluationError
from tests.define.company import CART, Snapshot


def remarks(text: str) -> list[tuple[str, int]]:
    tree = CART.compile(text).tree
    assert tree is not None
    return [(remark.code, remark.offset) for remark in CART.remarks(tree)]


@pytest.mark.parametrize(
    "text",
    [
        "event.total > 50.0 && event.total < 10.0",
        "event.total > 50.0 && event.total <= 50.0",
        "10.0 > event.total && event.total >= 10.0",
        "event.items > 3 && event.items < 4",
        "event.items >= 3 && event.items <= 3 && event.items != 3",
        "event.country == 'BR' && event.country == 'US'",
        "event.country == 'BR' && event.country != 'BR'",
        "event.country in ['BR', 'US'] && event.country == 'DE'",
        "event.country == 'BR' && !(event.country in ['BR'])",
        "event.country.startsWith('B') && event.country == 'US'",
        "event.gift && !event.gift",
        "event.gift == true && event.gift == false",
        "event.coupon == null && event.coupon == 'X'",
        "event.coupon == null && has(event.coupon)",
        "!has(customer.age) && customer.age > 18",
        "event.coupon == null && event.coupon.startsWith('X')",
        "event.items < 1 && event.items > 1 || event.items == 1 && event.items == 2",
        "event.items > 5 ? event.items < 2 : event.items > 9",
        "1 > 2",
        "event.gift && false",
        "event.items != event.items",
        "event.country < event.country",
        "stage('waiting').visits < 0",
        "size(event.tags) < 0",
        "now > timestamp('2027-01-01T00:00:00Z') && now < timestamp('2026-01-01T00:00:00Z')",
        "consent('marketing', 'email') && !consent('marketing', 'email')",
    ],
)
def test_a_guard_that_no_value_makes_true_is_told(text: str) -> None:
    assert ("GUARD_NEVER_TRUE", 0) in remarks(text)


@pytest.mark.parametrize(
    "text",
    [
        "event.total > 10.0 && event.total < 50.0",
        "event.items > 3 && event.items < 5",
        "event.total > 3.0 && event.total < 3.5",
        "event.country == 'BR' || event.country == 'US'",
        "event.country in ['BR', 'US'] && event.country != 'BR'",
        "event.coupon == null && event.coupon != 'X'",
        "event.paid != true && event.paid != false",
        "event.total != event.total",
        "!(event.total > 5.0) && !(event.total <= 5.0)",
        "event.gift && instance.total > 5.0 && event.total < 5.0",
        "consent('marketing', 'email') && !consent('marketing', 'push')",
        "stage('waiting').visits == 0",
        "has(features.failed.complete) && !features.failed.complete",
        "features.visits != null && features.visits < 0.0",
        "event.tags[0] == 'a' && event.tags[1] == 'b'",
        "event.items + 1 > 3 && event.items - 1 < 3",
        "true",
        "false",
    ],
)
def test_a_guard_that_may_be_true_is_left_alone(text: str) -> None:
    assert "GUARD_NEVER_TRUE" not in [code for code, _ in remarks(text)]


ATOMS = [
    "event.items > 2",
    "event.items <= 2",
    "event.items != 3",
    "event.items == 3",
    "event.items in [1, 3]",
    "event.coupon == null",
    "event.coupon == 'X'",
    "event.coupon != 'X'",
    "event.coupon.startsWith('Y')",
    "has(event.coupon)",
    "event.gift",
    "event.paid",
    "event.paid == false",
    "event.paid != true",
    "event.total > 1.5",
    "event.total < 1.5",
]
CONDITIONS = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(lambda x: f"({' '.join(x)})"),
        inner.map(lambda x: f"!({x})"),
        st.tuples(inner, inner, inner).map(lambda x: f"({x[0]} ? {x[1]} : {x[2]})"),
    ),
    max_leaves=6,
)
EVENTS: list[dict[str, Any]] = [
    {"items": items, "coupon": coupon, "gift": gift, "paid": paid, "total": total}
    for items, coupon, gift, paid, total in product(
        (1, 2, 3, 4),
        (None, "X", "Y", ""),
        (True, False),
        (None, True, False),
        (1.0, 1.5, 2.0, float("nan")),
    )
]


@given(text=CONDITIONS)
def test_what_is_called_never_true_is_true_for_no_event(text: str) -> None:
    guard = CART.compile(text, want="bool")
    if "GUARD_NEVER_TRUE" not in [code for code, _ in remarks(text)]:
        return

    def holds(event: dict[str, Any]) -> bool:
        try:
            return guard.evaluate(Snapshot(event=event)) is True
        except EvaluationError:
            return False

    assert not any(holds(event) for event in EVENTS)


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("customer.age > 18", 9),
        ("18 <= customer.age", 15),
        ("customer.age * 2 + 1 > 18", 9),
        ("features.highest > 3.0", 9),
        ("features.failed.at < now", 16),
        ("event.seen_at < now", 6),
        ("event.gift && customer.age > 18", 23),
        ("customer.age > 18 && customer.age < 65", 9),
        ("customer.age != null || customer.age > 18", 33),
        ("has(features.failed) && features.failed.error < 'm'", 40),
        ("event.gift ? customer.age > 18 : false", 22),
    ],
)
def test_a_field_that_may_be_null_is_told_where_it_is_compared(text: str, offset: int) -> None:
    assert ("NULL_COMPARED", offset) in remarks(text)


@pytest.mark.parametrize(
    "text",
    [
        "customer.age != null && customer.age > 18",
        "customer.age > 18 && customer.age != null",
        "customer.age == null || customer.age > 18",
        "!(customer.age == null) && customer.age > 18",
        "has(customer.age) && customer.age > 18",
        "has(customer.age) ? customer.age > 18 : false",
        "customer.age in [18, 19] && customer.age > 18",
        "has(features.failed.at) && features.failed.at < now",
        "has(features.failed) && features.failed.at < now",
        "event.coupon == 'X'",
        "event.coupon != 'X'",
        "customer.tier == 'gold'",
        "event.total > 5.0",
        "instance.total > 5.0",
        "features.views_1h > 5",
    ],
)
def test_a_field_that_was_looked_at_or_cannot_be_null_is_not(text: str) -> None:
    assert remarks(text) == []


def test_a_field_is_told_once() -> None:
    assert [code for code, _ in remarks("customer.age > 18 && customer.age < 65")] == [
        "NULL_COMPARED"
    ]
