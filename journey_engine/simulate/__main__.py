"""`python -m journey_engine.simulate shop|orders FILE`: write a made-up log, .gz by its name."""

import sys
from pathlib import Path

from journey_engine.schemas import Schemas
from journey_engine.simulate.workload import order_log, shop_log, to_gzip, to_json_lines


def main(arguments: list[str]) -> int:
    """Write the log; 2 where the arguments are none of those above, 1 where a file fails."""
    if len(arguments) != 2 or arguments[0] not in ("shop", "orders"):  # noqa: PLR2004 - the two above
        sys.stderr.write(f"{__doc__}\n")
        return 2
    try:
        _write(arguments[0], Path(arguments[1]))
    except OSError as error:
        sys.stderr.write(f"{error.filename}: {error.strerror}\n")
        return 1
    return 0


def _write(which: str, target: Path) -> None:
    if which == "shop":
        files = {str(path): path.read_text("utf-8") for path in Path("schemas").rglob("*.avsc")}
        lines = shop_log(Schemas.parse(files))
    else:
        lines = order_log()
    text = to_json_lines(lines)
    target.write_bytes(to_gzip(text) if target.suffix == ".gz" else text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
