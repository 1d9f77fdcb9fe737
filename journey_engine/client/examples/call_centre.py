"""A call centre that asks where to lead a caller, and goes on by itself where no answer comes."""

import asyncio
import socket
import sys

from journey_engine.client import Command, CommandConsumer, EventPublisher

ANSWER_WITHIN_S = 3.0


class CallCentre:
    """Every host reads all answers, in a group of its own, and keeps those to its calls."""

    def __init__(self, events: EventPublisher) -> None:
        self._events = events
        self._calls: dict[str, asyncio.Future[Command]] = {}
        group = f"sender-callcenter-{socket.gethostname()}"
        self.answers = CommandConsumer("callcenter", group=group)

    async def take(self, command: Command) -> None:
        """What the consumer hands out."""
        call = self._calls.get(command.reply_to or "")
        if call is not None and not call.done():
            call.set_result(command)

    async def lead(self, customer: str, call_id: str) -> str:
        """Where a call goes."""
        answer: asyncio.Future[Command] = asyncio.get_running_loop().create_future()
        self._calls[call_id] = answer
        try:
            await self._events.publish("CallStarted", customer_id=customer, call_id=call_id)
            async with asyncio.timeout(ANSWER_WITHIN_S):
                command = await answer
        except TimeoutError:
            return "menu"
        finally:
            del self._calls[call_id]
        await self._events.answer(command, "RouteApplied")
        return command.content


async def main(customer: str, call_id: str) -> None:
    """One call."""
    async with EventPublisher("call-centre", channel="callcenter") as events:
        centre = CallCentre(events)
        answers = asyncio.create_task(centre.answers.run(centre.take))
        await centre.answers.ready()
        print(f"{call_id} goes to: {await centre.lead(customer, call_id)}", flush=True)
        centre.answers.stop()
        await answers


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
