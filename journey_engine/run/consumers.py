"""Consumers outside any group, and how they end."""

import asyncio

from aiokafka import AIOKafkaConsumer


async def stop(consumer: AIOKafkaConsumer) -> None:
    """Stop it. Where a fetch has failed, aiokafka cancels the pause before the next one, stops
    half-way, and lets that look like a cancellation of ours.
    """
    try:
        await consumer.stop()
    except asyncio.CancelledError:
        await consumer._client.close()  # noqa: SLF001 - what it has left open
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
