from journey_engine.avro.blocks import Body
from journey_engine.avro.reading import Column, Fields, Read

class Reader:
    def __init__(
        self,
        columns: list[Column],
        values: list[object],
        shared: int,
        kept: list[tuple[str, int]],
        pure: Read,
    ) -> None: ...
    def read(self, value: bytes, start: int) -> Fields: ...
    def plain(self, value: bytes, start: int) -> Fields | None: ...

class Scanner:
    def __init__(self, readers: tuple[Reader, ...], *, union: bool) -> None: ...
    def plain(self, block: bytes, count: int) -> list[Body] | None: ...
