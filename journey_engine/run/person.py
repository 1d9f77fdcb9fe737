"""One person, as an operator looks them up, from the topics alone: no port of a worker shows who
somebody is.
"""

from contextlib import aclosing
from typing import cast

import msgspec

from journey_engine.decide.identity_state import Erased
from journey_engine.decide.keys import state_key
from journey_engine.decide.state import CustomerState
from journey_engine.decode.partition import partition_of
from journey_engine.encode.position import POSITION_KEY
from journey_engine.encode.state import decode_state
from journey_engine.run.naming import Names
from journey_engine.run.settings import Settings
from journey_engine.run.tailing import tail


class Identity(msgspec.Struct, frozen=True):
    """Who: a customer, or a visitor."""

    customer_id: str | None
    anonymous_id: str | None

    @property
    def state_key(self) -> bytes:
        """The key of the state in the changelog."""
        return state_key(self.customer_id, self.anonymous_id).encode()

    def partition(self, partitions: int) -> int:
        """Where everything about them lies."""
        who = self.anonymous_id if self.customer_id is None else self.customer_id
        return partition_of((who or "").encode(), partitions)


async def read_state(settings: Settings, names: Names, who: Identity) -> CustomerState | None:
    """The state as the changelog has it; None: nothing is kept.

    The customer's partition is read whole. What no commit confirmed yet may be shown: it is a
    look, not a proof.

    Raises:
        KafkaError: the broker cannot be read.
        StateError: the state is of a version that this program does not know.
    """
    found: bytes | None = None
    partition = who.partition(names.partitions)
    async for record in tail(settings, [names.changelog], names.partitions, only=partition):
        if record.key == who.state_key:
            found = record.value
    return None if found is None else decode_state(found)


async def await_proof(settings: Settings, names: Names, who: Identity, at: int) -> Erased:
    """Wait until the erasure that happened at this time (milliseconds) is committed (rule M4).

    Raises:
        KafkaError: the broker cannot be read.
    """
    partition = who.partition(names.partitions)
    read = tail(settings, [names.changelog], names.partitions, only=partition, follow=True)
    found: Erased | None = None
    async with aclosing(read) as records:
        async for record in records:
            if record.key == who.state_key and record.value is not None:
                identity = decode_state(record.value).identity
                erased = None if identity is None else identity.erased
                found = erased if erased is not None and erased.at == at else None
            if record.key == POSITION_KEY and found is not None:
                break
    return cast("Erased", found)  # a follower of a topic comes to no end of its own
