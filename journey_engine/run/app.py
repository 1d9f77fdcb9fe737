"""The Faust app: group, assignment, web server and the customers table's declaration.

Its tables hold nothing: the state lives with the partition tasks. What Faust calls recovery is
replaced by `Takeover`: restore by our own reader, then seek, then resume, in this order.
"""

import os
import threading
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any, cast

import faust
import structlog
from faust.auth import Credentials, OAuthCredentials, SASLCredentials, SSLCredentials
from faust.tables.manager import TableManager
from faust.tables.recovery import RebalanceAgain, Recovery, ServiceStopped
from faust.types import TP
from mode import Service

from journey_engine.run.assignor import MEMBER_URL, WholePartitions
from journey_engine.run.naming import Names
from journey_engine.run.settings import Settings
from journey_engine.run.transport import BatchConsumer, BatchTransport

if TYPE_CHECKING:
    from faust.types import TopicT

    from journey_engine.run.worker import Worker

TABLE = "customers"
EXIT_STUCK = 1

log = structlog.get_logger(__name__)


class Takeover(Recovery):
    """Takes over the partitions of an assignment, in place of Faust's recovery."""

    app: "JourneyApp"
    mundane_level = "debug"

    @Service.task
    async def _restart_recovery(self) -> None:
        while not self.should_stop:
            if await self.wait_for_stopped(self.signal_recovery_start.wait()):
                return
            self.signal_recovery_start.clear()
            try:
                await self._wait(self._take_over(self._generation_id))
            except RebalanceAgain:
                continue
            except ServiceStopped:
                return
            except Exception as error:  # noqa: BLE001 - a worker without its state must end
                await self.app.crash(error)
                return

    @Service.task
    async def _slurp_changelogs(self) -> None:
        """Nothing to slurp: changelogs are read by `journey_engine.run.restore`."""

    async def _take_over(self, generation: int) -> None:
        app, consumer = self.app, self.app.batch_consumer
        self._set_recovery_started()
        await app.on_rebalance_complete.send()
        standbys = app.assignor.assigned_standbys()
        assigned = frozenset(consumer.assignment())
        changelogs = [tp for tp in assigned if self._is_changelog_tp(tp)]
        if changelogs:
            await consumer.thread.hold(changelogs)
        inputs = await app.plane.take(
            assigned - standbys,
            frozenset(tp.partition for tp in standbys),
            lambda tps: consumer.earliest_offsets(*tps),
        )
        if inputs is None or app.consumer_generation_id != generation:
            return
        self._set_recovery_ended()
        if inputs:
            await consumer.seek_between_polls(inputs)
        if app.consumer_generation_id != generation:
            return
        consumer.resume_partitions(set(inputs))
        self.completed.set()
        app.flow_control.resume()
        consumer.resume_flow()
        await app._fetcher.maybe_start()  # noqa: SLF001 - Faust's own recovery starts it the same way
        self.tables.on_actives_ready()
        self.tables.on_standbys_ready()
        app.on_rebalance_end()


class Tables(TableManager):
    """Faust's tables with our way of restoring them."""

    mundane_level = "debug"
    _recovery: Recovery | None
    """Said again, for the compiler sees no type of Faust's."""

    @property
    def recovery(self) -> Recovery:
        """The service that Faust tells of each new assignment."""
        if self._recovery is None:
            self._recovery = Takeover(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery


class JourneyApp(faust.App):
    """Faust's app around a data plane."""

    mundane_level = "debug"

    def __init__(self, settings: Settings, plane: "Worker", **options: Any) -> None:  # noqa: ANN401 - Faust's own settings
        self.settings = settings
        self.plane = plane
        self.alongside: list[Coroutine[Any, Any, None]] = []
        """What runs as long as the app does."""
        super().__init__(settings.group, **options)

    @property
    def batch_consumer(self) -> BatchConsumer:
        """The consumer that our transport made."""
        return cast("BatchConsumer", self.consumer)

    def _new_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_consumer, self)

    async def on_start(self) -> None:
        """Begin what runs alongside."""
        await super().on_start()
        for work in self.alongside:
            self.add_future(work)

    async def on_stop(self) -> None:
        """Flush and let go of all partitions while the consumer is still a member.

        After a crash nothing is flushed: what failed once is taken again at the next start.
        """
        _end_within(self.settings.stop_timeout_s)
        # A restore under way would go on over stores that are closed.
        await cast("Tables", self.tables).recovery.stop()
        consumer = self._consumer
        if isinstance(consumer, BatchConsumer):
            consumer.stop_flow()
        try:
            await self.plane.finish(flush=not self.crashed)
        except Exception as error:  # noqa: BLE001 - whatever it is, the exit code must tell of it
            await self.crash(error)
        await super().on_stop()


def create_app(settings: Settings, plane: "Worker", names: Names, fetch_bytes: int) -> JourneyApp:
    """The app, subscribed to the inputs, with the changelog co-partitioned and no Faust agent; of
    a topic's partition `fetch_bytes` are fetched at once.
    """
    partitions = names.partitions
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    app = JourneyApp(
        settings,
        plane,
        broker=[f"kafka://{broker}" for broker in settings.brokers],
        broker_credentials=_credentials(settings),
        TableManager=Tables,
        topic_partitions=partitions,
        topic_allow_declare=False,
        topic_disable_leader=True,
        PartitionAssignor=WholePartitions,
        table_standby_replicas=settings.standbys,
        consumer_group_instance_id=settings.group_instance_id,
        canonical_url=MEMBER_URL,
        store="memory://",
        datadir=str(settings.data_dir / "faust"),
        consumer_auto_offset_reset="none",  # a position that is gone is an error, not a silence
        consumer_max_fetch_size=fetch_bytes,
        broker_max_poll_records=settings.max_poll_records,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.session_timeout_s / 5,
        broker_rebalance_timeout=max(30.0, settings.session_timeout_s),
        broker_request_timeout=settings.request_timeout_s,
        broker_commit_interval=60.0,
        stream_wait_empty=False,
        producer_acks=-1,
        web_bind=settings.web_host,
        web_port=settings.web_port,
        web_host=settings.web_host,
        web_tables_enabled=False,
        web_router_enabled=False,
        web_stats_enabled=False,
        web_graph_enabled=False,
        web_metrics_enabled=False,
        worker_redirect_stdouts=False,
    )
    app.Table(
        TABLE,
        partitions=partitions,
        changelog_topic=app.topic(
            names.changelog, partitions=partitions, compacting=True, internal=True
        ),
    )
    for name in names.read:
        topic = app.topic(name, key_type=bytes, value_type=bytes, value_serializer="raw")
        app.topics.add(cast("TopicT", topic.clone(is_iterator=True)))
    return app


def _end_within(seconds: float) -> None:
    """End the process when its stop takes longer: Faust and aiokafka wait for a lost broker."""

    def give_up() -> None:
        log.critical("stop_took_too_long", seconds=seconds)
        os._exit(EXIT_STUCK)

    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()


def _credentials(settings: Settings) -> Credentials | None:
    """What lets Faust's consumer in, in Faust's terms; None for a broker that asks nothing."""
    security = settings.security()
    if security.sasl_oauth_token_provider is not None:
        return OAuthCredentials(
            oauth_cb=security.sasl_oauth_token_provider, ssl_context=security.ssl_context
        )
    if security.security_protocol.startswith("SASL"):
        return SASLCredentials(
            username=security.sasl_plain_username,
            password=security.sasl_plain_password,
            mechanism=security.sasl_mechanism,
            ssl_context=security.ssl_context,
        )
    return None if security.ssl_context is None else SSLCredentials(security.ssl_context)


def whole_partitions(assigned: frozenset[TP], topics: Sequence[str]) -> set[int]:
    """The partitions of which this worker holds that of every topic."""
    held = [{tp.partition for tp in assigned if tp.topic == topic} for topic in topics]
    return set.intersection(*held) if held else set()
