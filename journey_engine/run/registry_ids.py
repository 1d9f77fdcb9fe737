"""What a registry told of its ids, in a file: they never change, so a start needs no registry for
them. Another registry has other ids; it is told by its URLs.
"""

import json
from collections.abc import Mapping
from uuid import UUID

import structlog

from journey_engine.run.settings import Settings
from journey_engine.schemas import RegistryId

log = structlog.get_logger(__name__)

FILE = "registry-ids.json"


class KeptIds:
    """The file of one worker."""

    def __init__(self, settings: Settings) -> None:
        self._path = settings.data_dir / settings.group / FILE
        self._urls = list(settings.registry_urls)

    def read(self) -> dict[RegistryId, str]:
        """What was written; nothing where there is no file, or one that cannot be read."""
        try:
            kept = json.loads(self._path.read_bytes())
            if kept["urls"] != self._urls:
                return {}
            return {_id(name): text for name, text in kept["texts"].items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            log.warning("registry_ids_discarded", file=str(self._path), reason=repr(error))
            return {}

    def write(self, texts: Mapping[RegistryId, str]) -> None:
        """Write all of it anew: after a kill the file is the old one or the new one."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        document = {"urls": self._urls, "texts": {str(key): text for key, text in texts.items()}}
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(document), encoding="utf-8")
        fresh.replace(self._path)


def _id(name: str) -> RegistryId:
    return int(name) if name.isdecimal() else UUID(name)
