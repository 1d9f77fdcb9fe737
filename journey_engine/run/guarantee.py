"""Which guarantee a worker gives: what is asked for, and what the broker can do (D9)."""

import asyncio

from aiokafka.errors import (
    IncompatibleBrokerVersion,
    KafkaError,
    KafkaTimeoutError,
    UnknownError,
    UnsupportedVersionError,
)

from journey_engine.run.producers import discard, new_transactional
from journey_engine.run.settings import Guarantee, Settings

HAS_NO_TRANSACTIONS = (UnknownError, IncompatibleBrokerVersion, UnsupportedVersionError)
"""What a broker without transactions answers: the embedded one, the first."""
ASKED = 3
"""So often a broker must say so: Kafka may give `UnknownError` once, too, and a worker that gives
less than the others of its group neither fences nor is fenced."""
ASKED_AGAIN_S = 0.3


class GuaranteeError(Exception):
    """The broker cannot do what the settings ask for; the message says what to do."""


async def guarantee_of(settings: Settings) -> Guarantee:
    """What is asked for, or with `auto` the most that the broker can do; it is asked for a
    transactional id.

    Raises:
        GuaranteeError: transactions are asked for and the broker has none.
        KafkaError: it does not let us use them, or does not answer within the request time-out.
    """
    if settings.guarantee is Guarantee.AT_LEAST_ONCE:
        return Guarantee.AT_LEAST_ONCE
    refusal: KafkaError | None = None
    for attempt in range(ASKED):
        await asyncio.sleep(ASKED_AGAIN_S if attempt else 0)
        refusal = await _refusal(settings)
        if refusal is None:
            return Guarantee.EXACTLY_ONCE
    if settings.guarantee is Guarantee.EXACTLY_ONCE:
        raise GuaranteeError(
            "the broker has no transactions: set guarantee to at_least_once, or name a Kafka "
            f"broker. It said {refusal!r}"
        ) from refusal
    return Guarantee.AT_LEAST_ONCE


async def _refusal(settings: Settings) -> KafkaError | None:
    """Why the broker gives us no transactional id; None where it gives one."""
    producer = new_transactional(settings, f"{settings.group}-probe")
    try:
        async with asyncio.timeout(settings.request_timeout_s):
            await producer.start()
    except HAS_NO_TRANSACTIONS as error:
        return error
    except TimeoutError as error:
        raise KafkaTimeoutError("no transactional id given in time") from error
    finally:
        await discard(producer)
    return None
