from collections.abc import Callable, Mapping

from journey_engine.avro.native_reader import Reader
from journey_engine.decide.event import Event
from journey_engine.decode.decode import Skipped
from journey_engine.decode.record import Fetched

class Events:
    def __init__(
        self,
        readers: Mapping[bytes, tuple[str, Reader] | Skipped],
        most: int,
        longest: int,
        latest: int,
        future: int,
    ) -> None: ...
    def read(
        self, record: Fetched, trace: Callable[[Fetched], str | None]
    ) -> Event | Skipped | None: ...
