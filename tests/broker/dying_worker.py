"""The worker of `worker_program`, killed before the n-th commit: n is its argument."""

import os
import signal
import sys

from journey_engine.run.definitions import Definitions
from journey_engine.run.lifecycle import run
from journey_engine.run.producers import TransactionalProducer
from journey_engine.run.producing import Producer, Seams
from journey_engine.run.settings import Settings, load
from tests.broker.rig import topics
from tests.run.shop import SCHEMAS, plan

left = int(sys.argv[1])


class DyingProducer(TransactionalProducer):
    async def commit(self) -> None:
        global left  # noqa: PLW0603 - it counts for the process, which it ends
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        await super().commit()


def dying(settings: Settings, seams: Seams) -> Seams:
    def producer(partition: int) -> Producer:
        return DyingProducer(settings, partition)

    return seams._replace(producer=producer)


if __name__ == "__main__":
    settings = load()
    definitions = Definitions(plan(), SCHEMAS, topics(settings.app_id))
    sys.exit(run(settings, definitions, lambda seams: dying(settings, seams)))
