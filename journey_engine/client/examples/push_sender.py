"""A push sender: a token that is gone is a bounce, and the journey takes another channel."""

import signal
import sys

from journey_engine.client import BlockingCommandConsumer, BlockingEventPublisher, Command


def main(gone: set[str]) -> None:
    """Send until SIGTERM; `gone` are the customers who took the app off their phone."""
    with BlockingEventPublisher("pusher", channel="push") as events:

        def send(command: Command) -> None:
            if command.action == "CANCEL":
                return
            if command.customer_id in gone:
                events.answer(command, "MessageBounced", permanent=True, reason="unregistered")
            else:
                print(f"{command.customer_id}: {command.content}", flush=True)
                events.answer(command, "MessageDelivered")

        consumer = BlockingCommandConsumer("push", group="sender-push", at_once=20)
        signal.signal(signal.SIGTERM, lambda *_: consumer.stop())
        consumer.run(send)


if __name__ == "__main__":
    main(set(sys.argv[1:]))
