"""Logs: one JSON object a line for machines, or coloured lines for people. To standard error.

A customer's id never shows: a processor puts a keyed-less, short hash in its place, the same for
the same customer, unless the operator asks for the ids.
"""

import hashlib
import logging
import sys
import time
from collections.abc import MutableMapping
from typing import Any

import structlog

CUSTOMER_FIELDS = ("customer_id", "anonymous_id", "account_id", "key")
_QUIET = ("aiokafka", "faust", "mode", "aiohttp", "asyncio", "httpcore2", "httpx", "httpx2")
REPEAT_S = 30.0
"""A line of a library's code may log once in this time: Kafka's client, in an outage, does so many
times a second.
"""


def hashed(customer_id: str) -> str:
    """Eight bytes of the id's BLAKE2, to follow one customer through a log."""
    return hashlib.blake2b(customer_id.encode(), digest_size=8).hexdigest()


class Sparing(logging.Filter):
    """Holds back what a library repeats; how often, its next line says."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, int], tuple[float, int]] = {}
        """By the place in the code, when it last logged, and how often it tried since."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is to be logged."""
        if record.name.partition(".")[0] not in _QUIET:
            return True
        place, now = (record.pathname, record.lineno), time.monotonic()
        said, held = self._said.get(place, (now - REPEAT_S, 0))
        if now - said < REPEAT_S:
            self._said[place] = (said, held + 1)
            return False
        self._said[place] = (now, 0)
        if held:
            record.msg, record.args = f"{record.getMessage()} (and {held} more like it)", ()
        return True


def configure(*, json: bool, level: str, customer_ids: bool = False) -> None:
    """Set up the process's logs; libraries speak from warnings on."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    if not customer_ids:
        shared.append(_hide_customers)
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    handler.addFilter(Sparing())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _hide_customers(
    logger: object,  # noqa: ARG001 - structlog's signature
    method: str,  # noqa: ARG001 - structlog's signature
    event: MutableMapping[str, Any],
) -> MutableMapping[str, Any]:
    for name in CUSTOMER_FIELDS:
        value = event.get(name)
        if isinstance(value, str):
            event[name] = hashed(value)
    return event
