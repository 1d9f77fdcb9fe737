"""`make conformance`: every case on the engine and on the naive interpreter."""

import sys

from tests.conformance.first import First, event_schemas
from tests.conformance.judging import Judgement, judged
from tests.conformance.reading import all_cases


def main() -> int:
    """Run them and tell what failed; the exit code."""
    first = First(event_schemas())
    judgements = [judged(case, first) for case in all_cases()]
    lines = [f"{each.case.id}: {fault}" for each in judgements for fault in each.faults]
    lines += told(judgements)
    failed = sum(1 for each in judgements if each.faults)
    lines.append(f"{len(judgements) - failed} passed, {failed} failed")
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if failed else 0


def told(judgements: list[Judgement]) -> list[str]:
    """Which cases the second interpreter had a part in."""
    refused = sum(1 for each in judgements if each.case.refuses)
    alone = [each for each in judgements if each.unknown is not None]
    both = sum(1 for each in judgements if each.unknown is None) - refused
    lines = [f"{both} by both interpreters; {refused} of definitions that are refused"]
    if alone:
        lines.append(f"{len(alone)} by the engine alone, of which the second does not know:")
    for reason in sorted({str(each.unknown) for each in alone}):
        ids = [each.case.id for each in alone if each.unknown == reason]
        lines.append(f"  {reason}: {', '.join(ids)}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
