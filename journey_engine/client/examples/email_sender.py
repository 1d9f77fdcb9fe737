"""An e-mail sender that answers what became of each message."""

import asyncio

from journey_engine.client import Command, CommandConsumer, EventPublisher


async def main() -> None:
    """Send until it is stopped."""
    async with EventPublisher("mailer", channel="email") as events:

        async def send(command: Command) -> None:
            if command.action == "CANCEL":
                return  # it came too late: the message has left
            print(f"{command.customer_id}: {command.content} {command.data}", flush=True)
            await events.answer(command, "MessageDelivered")

        await CommandConsumer("email", group="sender-email", at_once=20).run(send)


if __name__ == "__main__":
    asyncio.run(main())
