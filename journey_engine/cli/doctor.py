"""`journey-engine doctor`."""

import logging
from typing import TYPE_CHECKING

from rich.text import Text

from journey_engine.cli.connection import names_of, run, settings_of
from journey_engine.cli.console import err, out, print_json, visible
from journey_engine.cli.options import FROM_SETTINGS, HERE, Broker, Definitions

if TYPE_CHECKING:
    from journey_engine.run.definitions import Definitions as Defined
    from journey_engine.run.doctor.finding import Finding
    from journey_engine.run.settings import Settings

STYLES = {"error": "bold red", "warning": "yellow", "ok": "green"}


def doctor(
    *,
    broker: Broker = FROM_SETTINGS,
    definitions: Definitions = HERE,
    json: bool = False,
) -> int:
    """Look for what keeps the workers from running well, and say what mends it.

    Looks at the broker, transactions, topics, rights, the newest records (partitioners, schemas,
    clocks), the workers' group, lag and definitions, and at this machine's settings and disk. Run
    it with a worker's settings and where one would run. It writes nothing: of the broker it asks a
    transactional id, as each start of a worker does.

    Exit code 1 where there is an error; warnings alone leave 0.

    For example:

        journey-engine doctor --broker localhost:9092

    Args:
        json: One JSON document: `ok`, and `findings` with severity, check, what and fix.
    """
    from journey_engine.run.definitions import load_topics
    from journey_engine.run.doctor.examination import examine
    from journey_engine.run.doctor.finding import Patient, Severity

    # A broker without transactions is a finding, not an event of its client's log.
    logging.getLogger("aiokafka.producer.sender").setLevel(logging.CRITICAL)
    settings = settings_of(broker)
    topics = load_topics(definitions.topologies, settings.app_id)
    names = names_of(settings, definitions)
    patient = Patient(settings, topics, names, _defined(settings, definitions))
    found = run(examine(patient), settings)
    well = all(each.severity is not Severity.ERROR for each in found)
    if json:
        print_json({"ok": well, "findings": [each._asdict() for each in found]})
    else:
        _show(found)
    return 0 if well else 1


def _defined(settings: "Settings", where: Definitions) -> "Defined | None":
    """What a worker here would run; None where nothing can be run, which is a finding."""
    from journey_engine.cli.connection import Refused
    from journey_engine.errors import DefinitionErrors
    from journey_engine.run.definitions import in_force, load_sound
    from journey_engine.run.settings import Source

    there = {"topologies": where.topologies, "schemas": where.schemas}
    try:
        if settings.definitions is Source.FILES:
            return load_sound(where.topologies, where.schemas, settings.app_id)
        return run(in_force(settings.model_copy(update=there)), settings)
    except (DefinitionErrors, Refused):
        return None


def _show(found: "list[Finding]") -> None:
    width = max(len(each.check) for each in found)
    for each in found:
        line = Text.assemble(
            (f"{each.severity:<8}", STYLES[each.severity]), (f"{each.check:<{width}}  ", "bold")
        )
        out.print(line.append(visible(each.what)), soft_wrap=True)
        if each.fix:
            out.print(Text(f"{'':<{width + 10}}→ {visible(each.fix)}", "dim"), soft_wrap=True)
    plural = {"error": "errors", "warning": "warnings", "ok": "in order"}
    counts = {name: sum(each.severity == name for each in found) for name in STYLES}
    err.print(
        ", ".join(f"{count} {plural[name]}" for name, count in counts.items()), highlight=False
    )
