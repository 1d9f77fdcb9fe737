"""What a publisher refuses before it has a broker."""

from typing import Any

import pytest

from journey_engine.client import BlockingEventPublisher, ClientError, EventError, EventPublisher
from journey_engine.run.settings import Settings
from tests.conftest import ROOT

SETTINGS = Settings(schemas=ROOT / "schemas")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"customer_id": ""}, "give a customer_id"),
        ({"customer_id": "c1", "channel": "sms"}, "the publisher itself says channel"),
        ({"customer_id": "c1", "recorded_at": 1}, "the publisher itself says recorded_at"),
    ],
)
async def test_what_would_be_passed_over_or_refused_later_is_refused(
    fields: dict[str, Any], why: str
) -> None:
    events = EventPublisher("shop", channel="web", settings=SETTINGS)
    with pytest.raises(EventError, match=why):
        await events.publish("PaymentFailed", amount=3.0, **fields)


def test_a_blocking_publisher_outside_its_with_answers() -> None:
    events = BlockingEventPublisher("shop", channel="web", settings=SETTINGS)
    with pytest.raises(ClientError, match="use it in a `with`"):
        events.publish("PaymentFailed", customer_id="c1")
