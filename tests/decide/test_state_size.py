"""The state of a busy customer stays under 4 KiB, day by day for a season (law 6)."""

import pytest

from journey_engine.decide.state import STATE_BYTES_MAX, CustomerState
from journey_engine.define.policy_plan import CapPlan
from journey_engine.define.profile_plan import FeaturePlan
from journey_engine.encode.state import COMPACT_FROM, decode_state, encode_state
from tests.decide.heavy import JOURNEYS, OFTEN, SELDOM, Busy, cap, the_plan
from tests.decide.plans import DAY

BYTES = 4 * 1024
DAYS = 90
WEEK = (cap("day", 4), cap("week", 24, 7 * DAY), cap("mail", 20, 7 * DAY, channel="email"))
FORTNIGHT = (cap("day", 4), cap("fortnight", 48, 14 * DAY), cap("mail", 20, 7 * DAY, on="email"))


@pytest.mark.parametrize(
    ("features", "caps", "seed"),
    [(OFTEN, FORTNIGHT, 1), (SELDOM, WEEK, 2)],
    ids=["often", "seldom"],
)
def test_law6_a_busy_customer_takes_less_than_four_kib(
    features: tuple[FeaturePlan, ...], caps: tuple[CapPlan, ...], seed: int
) -> None:
    customer = Busy(the_plan(features, *caps), seed)
    sizes = []
    for day in range(1, DAYS + 1):
        customer.live(day)
        sizes.append(len(encode_state(customer.state)))
    assert max(sizes) < BYTES
    assert min(sizes[30:]) > BYTES / 2, "the customer is as busy as it is meant to be"
    assert not customer.dropped
    assert customer.sent >= 3 * DAYS
    assert {one.journey for one in customer.state.instances} == set(JOURNEYS)
    assert len(customer.state.features) == len(features) == 12
    assert decode_state(encode_state(customer.state)) == customer.state


def test_a_command_is_known_as_long_as_something_may_come_of_it() -> None:
    customer = Busy(the_plan(OFTEN, *WEEK), 3)
    for day in range(1, 31):
        customer.live(day)
        for one in customer.state.instances:
            recent = [sent for sent in one.sent if sent.at > customer.now - 3 * DAY]
            assert len(recent) == customer.sent_since(one.journey, customer.now - 3 * DAY)
            assert len(one.sent) <= 8


def test_a_usual_state_is_written_plain() -> None:
    customer = Busy(the_plan(OFTEN[:1]), 4)
    data = encode_state(customer.state)
    assert data[0] == 1
    assert len(data) < COMPACT_FROM < STATE_BYTES_MAX
    assert decode_state(data) == customer.state != CustomerState()
