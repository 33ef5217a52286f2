"""`make bench`: what the API does a second, each thing beside pgbench writing or reading the same rows.

On a private PostgreSQL with the durability it comes with. CPU is measured beside wall time, since it says nearly
the same on a busy machine. After each measurement the rows are counted, and in the end every invariant is checked.
"""

import argparse
import tempfile
from pathlib import Path

from benchmarks.bench import SCENARIOS, Bench
from holdfast.gateways.embedded_postgres import EmbeddedPostgres

RESULTS = Path("benchmarks/results")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5, help="per measurement")
    parser.add_argument("--clients", type=numbers, default=[1, 8, 32, 128], help="1,8,32,128")
    parser.add_argument("--only", default="", help="scenarios whose names have this in them: create, read …")
    parser.add_argument("--workers", type=int, default=2, help="server processes")
    parser.add_argument("--background", action="store_true", help="with the relay and the jobs in the server")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the page and the JSON go")
    options = parser.parse_args()
    chosen = [name for name in SCENARIOS if options.only in name]
    if not chosen:
        parser.error(f"no scenario has {options.only!r} in its name: {', '.join(SCENARIOS)}")
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with EmbeddedPostgres(folder / "data") as postgres:
            Bench(postgres, folder, options).run(chosen)


def numbers(said: str) -> list[int]:
    return [int(each) for each in said.split(",")]


if __name__ == "__main__":
    main()
