"""An e-mail sender that answers what became of each message."""

import asyncio
import signal

from journey_engine.client import Command, CommandConsumer, EventPublisher


async def main() -> None:
    """Send until SIGTERM."""
    async with EventPublisher("mailer", channel="email") as events:

        async def send(command: Command) -> None:
            if command.action == "CANCEL":
                return  # it came too late: the message has left
            print(f"{command.customer_id}: {command.content} {command.data}", flush=True)
            await events.answer(command, "MessageDelivered")

        consumer = CommandConsumer("email", group="sender-email", at_once=20)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, consumer.stop)
        await consumer.run(send)


if __name__ == "__main__":
    asyncio.run(main())
