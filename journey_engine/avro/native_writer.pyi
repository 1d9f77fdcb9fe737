from collections.abc import Mapping
from typing import Any

from journey_engine.avro.writing import Classes

class Writer:
    def __init__(
        self,
        schema: Any,  # noqa: ANN401 - Avro
        classes: Classes,
        renamed: Mapping[str, str],
        prefix: bytes,
    ) -> None: ...
    def write(self, value: object) -> bytes: ...
