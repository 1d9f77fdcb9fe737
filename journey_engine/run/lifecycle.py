"""A worker's life: check, start, run until a signal or a crash, leave; exit codes.

0: stopped when asked, everything flushed. 1: could not start, the message says why, or crashed.
"""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import structlog
from aiokafka.errors import KafkaError
from faust.worker import Worker as FaustWorker

from journey_engine.decode.decode import Reader
from journey_engine.observe import health, logs
from journey_engine.observe.metrics import Metrics
from journey_engine.run.app import JourneyApp, create_app
from journey_engine.run.definitions import Definitions
from journey_engine.run.environment import unknown
from journey_engine.run.garbage import collected_rarely
from journey_engine.run.guarantee import GuaranteeError, guarantee_of
from journey_engine.run.memory import Memory
from journey_engine.run.naming import names_of
from journey_engine.run.opening import new_clock
from journey_engine.run.outgoing import Encoding
from journey_engine.run.partition import Parts
from journey_engine.run.producers import PlainProducers, TransactionalProducer
from journey_engine.run.producing import Seams
from journey_engine.run.published import follow, tell_quarantined
from journey_engine.run.registry import Registry, RegistryError
from journey_engine.run.resolving import Resolver
from journey_engine.run.restoration import RestorationError
from journey_engine.run.restore import KafkaChangelogs
from journey_engine.run.settings import Guarantee, Settings
from journey_engine.run.store import StoreError
from journey_engine.run.stores import Stores
from journey_engine.run.supervisor import PortsTakenError, require_ports
from journey_engine.run.topics import BrokerAbsentError, TopicsError, check_topics, cluster_of
from journey_engine.run.tracing import workers_traces
from journey_engine.run.wiring import Wiring
from journey_engine.run.worker import Worker
from journey_engine.run.writing_ids import frame_with_ids
from journey_engine.schemas import Schemas

EXIT_FAILED = 1
COMMIT_INTERVAL_MS = 100
COMMITS_PER_S = 200.0
"""At least once, where a commit is no transaction: of a worker, over all its partitions."""

log = structlog.get_logger(__name__)


Wrap = Callable[[Seams], Seams]
"""Puts something of a harness between the partitions and what they write to and read from."""


def _erasure_key(settings: Settings) -> bytes:
    key = settings.erasure_key
    return b"" if key is None else key.get_secret_value().encode()


def _resolver(settings: Settings, schemas: Schemas, metrics: Metrics) -> Resolver | None:
    if not settings.registry_urls:
        return None
    return Resolver(Registry(settings), settings, schemas, metrics)


def build(
    settings: Settings,
    definitions: Definitions,
    guarantee: Guarantee,
    wrap: Wrap = lambda seams: seams,
    cluster: str = "",
) -> JourneyApp:
    """The app with everything in it, not started; `cluster` is the id of the broker's."""
    topics = definitions.topics
    wanted = names_of(topics, settings)
    metrics = Metrics()
    metrics.guarantee.info({"guarantee": guarantee})
    resolver = _resolver(settings, definitions.schemas, metrics)
    memory = Memory(settings.memory_mib, len(wanted.read), topics.partitions)
    wiring = Wiring(
        plan=replace(definitions.plan, proof_key=_erasure_key(settings)),
        reader=Reader(definitions.schemas, definitions.plan.fields, topics.input_bytes_max),
        inputs=wanted.inputs,
        inbox=wanted.inbox,
        partitions=topics.partitions,
        buffers=memory.buffers,
        states=memory.states,
        catalogue=definitions.published,
        registry=resolver,
        cluster=cluster,
    )
    plain = PlainProducers(settings)
    exactly = guarantee is Guarantee.EXACTLY_ONCE
    seams = Seams(
        producer=partial(TransactionalProducer, settings) if exactly else plain,
        store=Stores(settings, cluster=cluster).open,
        changelogs=KafkaChangelogs(settings, wanted),
    )
    traces = workers_traces(settings)
    parts = Parts(
        encoding=Encoding(
            wanted, definitions.schemas, metrics, topics.outputs["deadletters"].max_bytes
        ),
        wiring=wiring,
        clock=partial(new_clock, settings),
        seams=wrap(seams),
        commit_interval_s=(settings.commit_interval_ms or COMMIT_INTERVAL_MS) / 1000,
        commit_records=settings.commit_records,
        observer=None if traces is None else traces.decided,
        memory=memory,
        commits_per_s=None if exactly or settings.commit_interval_ms else COMMITS_PER_S,
    )
    worker = Worker(parts, plain.noted)
    app = create_app(settings, worker, wanted, memory.fetch_bytes)
    token = settings.web_token
    health.serve(app, worker, metrics, token.get_secret_value() if token else None)
    if resolver is not None:
        app.alongside.append(resolver.follow())
    _watch(app, settings, definitions, metrics)
    return app


def _watch(app: JourneyApp, settings: Settings, definitions: Definitions, metrics: Metrics) -> None:
    """Say what definitions leave out, and follow those that come from a topic."""
    tell_quarantined(definitions.quarantined)
    metrics.quarantined.set(len(definitions.quarantined))
    published, watch = definitions.published, app.plane.watch
    if published is not None:
        metrics.quarantined.set_function(lambda: published.left_out(watch.plan_hashes()))
        app.alongside.append(follow(settings, published))


async def _checked(settings: Settings, definitions: Definitions) -> tuple[Guarantee, str]:
    await check_topics(settings, definitions.topics)
    if settings.registry_write_ids:
        wanted = names_of(definitions.topics, settings)
        await frame_with_ids(settings, wanted, definitions.schemas)
    return await guarantee_of(settings), await cluster_of(settings)


def configure_logs(settings: Settings) -> None:
    """Log as the settings say."""
    logs.configure(
        json=settings.log_format == "json",
        level=settings.log_level,
        customer_ids=settings.log_customer_ids,
    )


def warn_of_unknown() -> None:
    """Say which variables of the environment look like settings, and are none."""
    for variable, hint in unknown(Settings).items():
        log.warning("setting_unknown", variable=variable, hint=hint)


def run(settings: Settings, definitions: Definitions, wrap: Wrap = lambda seams: seams) -> int:
    """Run a worker until SIGTERM, SIGINT or a crash; the exit code."""
    configure_logs(settings)
    try:
        require_ports(settings, 1)
        guarantee, cluster = asyncio.run(_checked(settings, definitions))
    except (PortsTakenError, BrokerAbsentError, TopicsError, RegistryError) as error:
        sys.stderr.write(f"error: {error}\n")
        return EXIT_FAILED
    except (GuaranteeError, KafkaError) as error:
        sys.stderr.write(f"error: {error}\n")
        return EXIT_FAILED
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        app = build(settings, definitions, guarantee, wrap, cluster)
    except (StoreError, RegistryError) as error:
        sys.stderr.write(f"error: {error}\n")
        return EXIT_FAILED
    log.info("worker_starting", **settings.redacted())
    log.info("guarantee", guarantee=guarantee)
    return _execute(app, loop)


def _execute(app: JourneyApp, loop: asyncio.AbstractEventLoop) -> int:
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
        if isinstance(app.crash_reason, StoreError | RestorationError):
            sys.stderr.write(f"error: {app.crash_reason}\n")
        return EXIT_FAILED
    log.info("worker_stopped")
    return 0
