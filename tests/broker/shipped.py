"""The worker as an operator starts it, on the definitions and the log that the project ships."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from journey_engine.decide.state import CustomerState
from journey_engine.decode.decode import Reader
from journey_engine.decode.log import LogLine, Place, read_line
from journey_engine.decode.partition import partition_of
from journey_engine.decode.record import Record
from journey_engine.define.plan import Plan
from journey_engine.define.topics import Topics
from journey_engine.encode.state import decode_state
from journey_engine.run.clock import StreamClock
from journey_engine.run.definitions import load, load_topics
from journey_engine.run.log_files import read_records
from journey_engine.run.store import MemoryStore
from journey_engine.run.task import PartitionTask
from journey_engine.run.wiring import Wiring
from journey_engine.simulate import SHOP_LOG
from tests.broker.rig import ROOT, Rig
from tests.run.shop import SCHEMAS

TOPOLOGIES = ROOT / "topologies"


@cache
def shipped_plan() -> Plan:
    return load(TOPOLOGIES, ROOT / "schemas").plan


class ShippedRig(Rig):
    program: Sequence[str] = ("journey_engine", "worker")

    def read_plan(self) -> Plan:
        return shipped_plan()

    def read_topics(self, app: str) -> Topics:
        return load_topics(TOPOLOGIES, app)

    def shop_records(self) -> list[Record]:
        """The shipped log as it comes to lie in this rig's topics."""
        prefix = self.settings.topic_prefix
        records = read_records((SHOP_LOG,), None, SCHEMAS, self.topics)
        return [record._replace(topic=prefix + record.topic) for record in records]

    def expected_states(self, records: list[Record]) -> Mapping[str, CustomerState]:
        """The states that the same records leave in memory, with no broker between."""
        reader = Reader(SCHEMAS, self.plan.fields)
        inputs, partitions = self.names.inputs, self.topics.partitions
        wiring = Wiring(self.plan, reader, inputs, None, partitions)
        states: dict[str, CustomerState] = {}
        for partition in range(partitions):
            store = MemoryStore()
            task = PartitionTask(partition, wiring, store, StreamClock())
            mine = [record for record in records if record.partition == partition]
            for topic in inputs:
                task.feed(topic, [record for record in mine if record.topic == topic])
            while any(task.step(0, len(records))[:2]):
                pass
            flush = task.take_flush()
            assert flush is not None
            task.confirm(flush, 1)
            states |= {key: decode_state(data) for key, data in store.states()}
        return states


def event(kind: str, customer: str, at: int, *, channel: str = "web", **fields: Any) -> LogLine:
    """One event; `at` is in milliseconds since the epoch, of its happening and its record."""
    shared = {
        "type": kind,
        "event_id": f"{kind}-{customer}-{at}",
        "customer_id": customer,
        "occurred_at": at,
        "channel": channel,
        "source": f"shop-{channel}",
    }
    return read_line(shared | fields, SCHEMAS, Place("test", 1))


def cart(customer: str, at: int, **fields: Any) -> LogLine:
    """A cart that is filled: cart-rescue begins."""
    return event("CartUpdated", customer, at, **{"cart_id": f"cart-{customer}", **fields})


def order(customer: str, at: int, **fields: Any) -> LogLine:
    """A purchase: the goal of cart-rescue."""
    return event("OrderPlaced", customer, at, **{"order_id": f"order-{customer}", **fields})


def customers_on(partition: int, partitions: int, count: int, name: str = "buyer") -> list[str]:
    """Customers whose key lies on that partition."""
    found: list[str] = []
    number = 0
    while len(found) < count:
        customer = f"{name}-{number}"
        if partition_of(customer.encode(), partitions) == partition:
            found.append(customer)
        number += 1
    return found
