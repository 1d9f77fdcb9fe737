"""A web shop that tells of its customers' payments: `… .web_shop CUSTOMER`."""

import sys

from journey_engine.client import BlockingEventPublisher


def main(customer: str) -> None:
    """A payment fails."""
    with BlockingEventPublisher("shop", channel="web") as events:
        events.publish("PageViewed", customer_id=customer, page="checkout")
        lies = events.publish(
            "PaymentFailed", customer_id=customer, order_id="o-1", amount=99.5, reason="declined"
        )
        print(f"PaymentFailed lies on {lies.topic}, partition {lies.partition}, at {lies.offset}")


if __name__ == "__main__":
    main(sys.argv[1])
