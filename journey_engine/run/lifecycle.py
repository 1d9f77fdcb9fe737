"""A worker's life: check, start, run until a signal or a crash, leave; exit codes.

0: stopped when asked, everything flushed. 1: could not start, the message says why, or crashed.
"""

import asyncio
import sys

import structlog
from faust.worker import Worker as FaustWorker

from journey_engine.decode.decode import Reader
from journey_engine.observe import health, logs
from journey_engine.observe.metrics import Metrics
from journey_engine.run.app import JourneyApp, create_app
from journey_engine.run.definitions import Definitions
from journey_engine.run.garbage import collected_rarely
from journey_engine.run.merge import BufferLimits
from journey_engine.run.naming import names
from journey_engine.run.opening import Opening
from journey_engine.run.output import Output
from journey_engine.run.settings import Settings
from journey_engine.run.task import Wiring
from journey_engine.run.topics import BrokerAbsentError, TopicsError, check_topics
from journey_engine.run.worker import Parts, Worker

EXIT_FAILED = 1

log = structlog.get_logger(__name__)


def build(settings: Settings, definitions: Definitions) -> JourneyApp:
    """The app with everything in it, not started."""
    topics = definitions.topics
    wanted = names(topics, settings.topic_prefix)
    metrics = Metrics()
    wiring = Wiring(
        plan=definitions.plan,
        reader=Reader(definitions.schemas, definitions.plan.fields, topics.input_bytes_max),
        inputs=wanted.inputs,
        inbox=wanted.inbox,
        partitions=topics.partitions,
        buffers=BufferLimits(records=settings.buffer_records),
    )
    opening = Opening(settings, wanted, wiring, metrics)
    parts = Parts(
        settings,
        wanted,
        definitions.schemas,
        Output(settings),
        opening,
        metrics,
        topics.outputs["deadletters"].max_bytes,
    )
    worker = Worker(parts)
    app = create_app(settings, worker, wanted.read, wanted.changelog, topics.partitions)
    health.serve(app, worker, metrics)
    return app


def run(settings: Settings, definitions: Definitions) -> int:
    """Run a worker until SIGTERM, SIGINT or a crash; the exit code."""
    logs.configure(
        json=settings.log_format == "json",
        level=settings.log_level,
        customer_ids=settings.log_customer_ids,
    )
    try:
        asyncio.run(check_topics(settings, definitions.topics))
    except (BrokerAbsentError, TopicsError) as error:
        sys.stderr.write(f"error: {error}\n")
        return EXIT_FAILED
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    app = build(settings, definitions)
    log.info("worker_starting", **settings.redacted())
    code: str | int | None = EXIT_FAILED
    try:
        worker = FaustWorker(
            app, loop=loop, redirect_stdouts=False, override_logging=False, quiet=True
        )
        worker.spinner = None  # it would write between the log's lines
        with collected_rarely():
            worker.execute_from_commandline()
    except SystemExit as end:
        code = end.code
    if code or app.crash_reason is not None:
        log.error("worker_failed", reason=repr(app.crash_reason))
        return EXIT_FAILED
    log.info("worker_stopped")
    return 0
