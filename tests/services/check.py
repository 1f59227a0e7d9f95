"""Checks each server with a client by others: check.py SERVICES.JSON. Runs in the clients' environment.

What the tests of the sinks rely on is written down here as what the vendors' own clients see.
"""

import json
import sys
from pathlib import Path

import check_oracle
import check_stores
import check_uploads


def main() -> int:
    services = json.loads(Path(sys.argv[1]).read_text())
    failures = 0
    for module in (check_stores, check_oracle, check_uploads):
        for name, run in module.checks(services):
            try:
                run()
                print(f"ok    {name}")
            except Exception as error:  # Whatever a client raises is a finding.
                failures += 1
                print(f"FAIL  {name}: {type(error).__name__}: {error}")
    print(f"{failures} failed" if failures else "all as expected")
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main())
