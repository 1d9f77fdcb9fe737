"""`journey-engine explain`."""

from typing import TYPE_CHECKING

from journey_engine.cli.console import fail, out, print_json
from journey_engine.cli.options import HERE, Definitions, Log

if TYPE_CHECKING:
    from journey_engine.decide.decision import Decision
    from journey_engine.decide.event import Input


def explain(
    log: Log,
    *,
    customer: str,
    definitions: Definitions = HERE,
    json: bool = False,
) -> int:
    """Tell what happened to one customer and why, in sentences, from a log.

    For example:

        journey-engine explain --events shop.jsonl.gz --customer c-0042

    Args:
        customer: The customer's id, or an anonymous id.
        json: Print one JSON document, an entry for each input.
    """
    from journey_engine.decide.explain import sentences
    from journey_engine.encode.outgoing import iso_utc
    from journey_engine.run.definitions import load
    from journey_engine.run.log_files import read_records
    from journey_engine.run.replay import Replay

    defined = load(definitions.topologies, definitions.schemas)
    plan, schemas, topics = defined.plan, defined.schemas, defined.topics
    told: list[dict[str, object]] = []

    def observe(step: "Input", now: int, decision: "Decision") -> None:
        if customer in (step.customer_id, step.anonymous_id):
            lines = sentences(decision, plan)
            told.append({"at": iso_utc(now), "input": _title(step), "sentences": lines})

    names = [t.name for t in topics.inputs.values()]
    run = Replay(
        plan, schemas, names, topics.partitions, observe, value_bytes_max=topics.input_bytes_max
    )
    for _ in run.outputs(read_records(log.events, log.map, schemas, topics)):
        pass
    if json:
        print_json({"customer": customer, "inputs": told})
    elif not told:
        fail(f"nothing that a journey reads happened to {customer!r} in this log")
    for each in [] if json else told:
        out.print(f"[bold]{each['at']}[/bold]  {each['input']}", highlight=False)
        for line in each["sentences"]:  # type: ignore[attr-defined]  # a list of str, see observe
            out.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
    return 0 if told else 1


def _title(step: "Input") -> str:
    from journey_engine.decide.event import Event

    return f"{step.type} ({step.event_id})" if isinstance(step, Event) else "a timer is due"
