"""What channel services and senders import: publish events, take commands (contracts)."""

from journey_engine.client.blocking import BlockingCommandConsumer, BlockingEventPublisher
from journey_engine.client.command import Command, JourneyRef
from journey_engine.client.consumer import CommandConsumer
from journey_engine.client.errors import ClientError, CommandError, EventError
from journey_engine.client.publisher import EventPublisher, Receipt

__all__ = [
    "BlockingCommandConsumer",
    "BlockingEventPublisher",
    "ClientError",
    "Command",
    "CommandConsumer",
    "CommandError",
    "EventError",
    "EventPublisher",
    "JourneyRef",
    "Receipt",
]
