"""What becomes of damaged records, with and without the extension."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

from journey_engine.decode.decode import Reader, Rejected, decode
from journey_engine.decode.frame import frame
from journey_engine.decode.record import Record
from journey_engine.encode.deadletter import Failure, encode_deadletter
from tests.native.corpus import ROOT, bodies, catalogue


def letters(inputs: int, seed: int) -> None:
    """Print whether it is compiled, then the event or the dead letter of so many records."""
    compiled = "journey_engine.avro.native_reader" in sys.modules
    sys.stdout.write(f"{compiled}\n")
    schemas = catalogue()
    reader = Reader(schemas, {name: frozenset(of.fields) for name, of in schemas.events.items()})
    for offset, body in enumerate(itertools.islice(bodies(schemas, seed), inputs)):
        value = frame(body.schema.fingerprint, body.data)
        record = Record("interactions.web.v1", 0, offset, 2**62, b"c1", value)
        found = decode(record, reader)
        if isinstance(found, Rejected):
            failure = Failure(found.code, found.message, "decode", 0)
            sys.stdout.write(f"{encode_deadletter(record, failure, record_bytes_max=10**6)}\n")
        else:
            sys.stdout.write(f"{found}\n")


def printed(*places: Path) -> list[str]:
    """The lines of `letters`, where the package is imported from the first of the places."""
    path = os.pathsep.join(str(place) for place in places)
    environment = {**os.environ, "PYTHONSAFEPATH": "1", "PYTHONPATH": path}  # noqa: TID251 - handed on
    done = subprocess.run(
        [sys.executable, "-m", "tests.native.letters"],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.splitlines()


def test_dead_letters_are_the_same_with_and_without_the_extension() -> None:
    native, pure = printed(ROOT / "var/native", ROOT), printed(ROOT)
    assert (native[0], pure[0]) == ("True", "False")
    for kind in ("DECODE_ERROR", "INVALID", "Event("):
        assert any(kind in line for line in pure)
    assert native[1:] == pure[1:]


if __name__ == "__main__":
    letters(20_000, seed=2)
