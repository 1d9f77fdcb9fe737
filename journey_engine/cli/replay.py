"""`journey-engine replay`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from journey_engine.cli.console import err, out, print_json, progress
from journey_engine.cli.options import HERE, Definitions, Log
from journey_engine.cli.summary import document, show
from journey_engine.cli.values import Time


def replay(
    log: Log,
    *,
    definitions: Definitions = HERE,
    out_dir: Annotated[Path, Parameter(name="--out")] = Path("var/replay"),
    until: Time = None,
    processes: Annotated[int | None, Parameter(validator=Number(gte=1, lte=64))] = None,
    json: bool = False,
) -> int:
    """Run the same core over a log with no broker: what would have been sent, and why not.

    Writes `commands.jsonl`, `transitions.jsonl` and `decisions.jsonl`. The clock is the events'
    own, so the same log gives the same files each time.

    For example:

        journey-engine replay --events shop.csv.gz --map schemas/maps/ecom.map.yaml --out var/replay

    Args:
        out_dir: The folder to write to, made if it is not there.
        until: Let timers run on until this time (ISO 8601), where it is past the log's last event.
        processes: How many share the partitions; one for each core where the log is large, one
            alone where it comes from a pipe.
        json: Print the summary as one JSON document.
    """
    from journey_engine.run import cores

    job = cores.Job(definitions.topologies, definitions.schemas, log.events, log.map, until)
    summary = cores.replay(
        job,
        out_dir,
        processes or job.processes(),
        lambda records: progress(records, "replaying", quiet=json or not err.is_terminal),
    )
    if json:
        print_json(document(summary))
    else:
        show(summary)
        out.print(f"written to {out_dir}/", highlight=False)
    return 0
