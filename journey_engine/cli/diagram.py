"""`journey-engine diagram`."""

from pathlib import Path

from journey_engine.cli.console import fail


def diagram(
    journey: str,
    /,
    *,
    topologies: Path = Path("topologies"),
    schemas: Path = Path("schemas"),
) -> int:
    """Draw a journey as a Mermaid state diagram, for a page or a pull request.

    For example:

        journey-engine diagram cart-rescue

    Args:
        journey: The journey's name.
        topologies: The folder of the definitions; else `JOURNEY_TOPOLOGIES`.
        schemas: The folder of the Avro schemas; else `JOURNEY_SCHEMAS`.
    """
    from journey_engine.define.diagram import mermaid
    from journey_engine.run.definitions import load

    plan = load(topologies, schemas).plan
    if journey not in plan.by_name:
        fail(f"no journey {journey!r} here; there are: {', '.join(sorted(plan.by_name))}")
        return 1
    print(mermaid(plan.by_name[journey]))  # noqa: T201 - the diagram is to be piped into a file
    return 0
