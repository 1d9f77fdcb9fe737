"""What the contract with other teams is made from; and golden messages as files."""

from pathlib import Path

from journey_engine.contract.channels import Company, parse_channels
from journey_engine.contract.golden import Golden, files_of
from journey_engine.contract.golden_commands import golden_commands
from journey_engine.contract.golden_events import golden_events
from journey_engine.define.loader import decode_text
from journey_engine.define.topics import APP_DEFAULT
from journey_engine.run.definitions import CHANNELS_FILE, load_schemas, load_topics


def load_company(topologies: Path, schemas: Path, app: str = APP_DEFAULT) -> Company:
    """Schemas, topics and channels.

    Raises:
        DefinitionErrors: what is wrong in them.
        OSError: `channels.yaml` cannot be read.
    """
    published, topics = load_schemas(schemas), load_topics(topologies, app)
    path = topologies / CHANNELS_FILE
    channels = parse_channels(str(path), decode_text(str(path), path.read_bytes()))
    return Company(published, topics, channels)


def golden_messages(company: Company) -> list[Golden]:
    """All of them: events that are taken, events that are refused, commands."""
    return [*golden_events(company), *golden_commands(company)]


def write_golden(company: Company, folder: Path) -> int:
    """Write every golden message into the folder, and delete those that are none any more; how
    many there are.
    """
    messages = golden_messages(company)
    files = files_of(messages, company.topics.partitions)
    for path in sorted(golden_files(folder)):
        if path not in files:
            (folder / path).unlink()
    for path, content in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return len(messages)


def golden_files(folder: Path) -> list[str]:
    """The files of golden messages that lie in the folder."""
    kinds = ("events", "refused", "commands")
    found = (path for kind in kinds for path in folder.glob(f"{kind}/*"))
    return [str(path.relative_to(folder)) for path in found if path.suffix in (".bin", ".json")]
