"""`journey-engine` whose wall clock is behind by so many milliseconds, the first argument."""

import sys
import time

from journey_engine.cli.app import main

if __name__ == "__main__":
    real, behind_ms = time.time_ns, int(sys.argv.pop(1))
    time.time_ns = lambda: real() - behind_ms * 1_000_000
    main()
