"""What a publisher refuses before it has a broker."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from journey_engine.client import BlockingEventPublisher, ClientError, EventError, EventPublisher
from journey_engine.run.settings import Settings
from tests.conftest import ROOT

SOON = datetime.now(UTC) + timedelta(minutes=10)
SETTINGS = Settings(schemas=ROOT / "schemas")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"customer_id": ""}, "give a customer_id"),
        ({"customer_id": "c1", "channel": "sms"}, "the publisher itself says channel"),
        ({"customer_id": "c1", "recorded_at": 1}, "the publisher itself says recorded_at"),
        ({"customer_id": "c" * 257}, "of 257 characters, at most 256"),
        ({"customer_id": "c1", "event_id": "e" * 257}, "of 257 characters, at most 256"),
        ({"customer_id": "c1", "occurred_at": datetime(1969, 1, 1, tzinfo=UTC)}, "before 1970"),
        ({"customer_id": "c1", "occurred_at": SOON}, "after the record's time"),
    ],
)
async def test_what_would_be_passed_over_or_refused_later_is_refused(
    fields: dict[str, Any], why: str
) -> None:
    events = EventPublisher("shop", channel="web", settings=SETTINGS)
    with pytest.raises(EventError, match=why):
        await events.publish("PaymentFailed", amount=3.0, **fields)


async def test_a_source_that_every_engine_refuses_is_refused() -> None:
    events = EventPublisher("", channel="web", settings=SETTINGS)
    with pytest.raises(EventError, match="source must not be empty"):
        await events.publish("PaymentFailed", customer_id="c1", amount=3.0)


def test_a_blocking_publisher_outside_its_with_answers() -> None:
    events = BlockingEventPublisher("shop", channel="web", settings=SETTINGS)
    with pytest.raises(ClientError, match="use it in a `with`"):
        events.publish("PaymentFailed", customer_id="c1")
