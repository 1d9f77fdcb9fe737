"""The time zones of the pinned `tzdata` package, whatever the machine has (rule W5)."""

from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import tzdata

from journey_engine.define.calendar_plan import Zones


@lru_cache(maxsize=1)
def load_zones() -> Zones:
    """Read them all, once."""
    folder = Path(tzdata.__file__).parent
    names = (folder / "zones").read_text("utf-8").split()
    return Zones(tzdata.IANA_VERSION, {name: _zone(folder, name) for name in names})


def _zone(folder: Path, name: str) -> ZoneInfo:
    with folder.joinpath("zoneinfo", name).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)
