"""What was answered, held against what is in the database."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg

from benchmarks.load import Measured
from benchmarks.stage import PROGRAMS

COUNTS = """
SELECT (SELECT count(*) FROM booking.bookings) AS bookings,
       (SELECT count(*) FROM booking.bookings WHERE status = 'CANCELLED') AS cancelled,
       (SELECT count(*) FROM kernel.idempotency_keys) AS answers,
       (SELECT count(*) FROM inventory.allocations WHERE status <> 'released') AS claims,
       (SELECT count(*) FROM booking.captures) AS captures
"""


class Untrue(RuntimeError):
    """What was answered is not what was written."""


@dataclass(frozen=True)
class Counted:
    """Rows there are."""

    rows: Mapping[str, int]

    @classmethod
    async def now(cls, database: asyncpg.Connection) -> "Counted":
        return cls(dict(await database.fetchrow(COUNTS)))

    def grown(self, later: "Counted") -> dict[str, int]:
        return {name: later.rows[name] - before for name, before in self.rows.items()}


def hold(scenario: str, seen: Measured, grown: Mapping[str, int]) -> None:
    """Untrue where the rows are not what the answers said."""
    made, well = seen.statuses[201], seen.statuses[200]
    expected = {"bookings": made, "cancelled": 0, "answers": made, "claims": made, "captures": 0}
    if scenario == "cancel":
        expected |= {"cancelled": well, "answers": well, "claims": -well}
    if scenario == "create, contended slot":
        expected |= {"bookings": 1, "answers": 1, "claims": 1}
    if scenario == "create, pay, confirm":
        expected["captures"] = made
    if dict(grown) != expected:
        raise Untrue(f"{scenario}: {dict(seen.statuses)} was answered; rows grew by {dict(grown)}, not {expected}")


def audit() -> list[str]:
    """The lines of `holdfast audit` that are not ok."""
    done = subprocess.run([str(PROGRAMS / "holdfast"), "audit"], capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    if not lines:
        raise Untrue(done.stderr)
    return [line for line in lines if not line.startswith("ok")]
