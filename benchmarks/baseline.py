"""The limit: pgbench writing copies of the rows that Holdfast wrote for a sample, in one prepared statement.

No HTTP, no JSON, no rules, no refusals explained and nobody asked who they are. A database of its own, made from
Holdfast's with all that was in it, so that no relay of Holdfast's finds these events.
"""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.copies import Copies
from benchmarks.cpu import spent
from benchmarks.samples import table_of
from holdfast.gateways.embedded_postgres import binaries

TPS = re.compile(r"tps = ([0-9.]+) \(without")

# the slot of the first sample, which is taken
CONTEND = f"""
INSERT INTO inventory.allocations (id, booking_id, item, resource_id, period, during, exclusive, units, guests,
    status, made_by, created_at)
SELECT gen_random_uuid(), gen_random_uuid(), 1, s.resource_id, s.period, s.during, true, 1, 2,
    'committed', 'booking', now()
FROM {table_of("create", "inventory.allocations")} s ON CONFLICT DO NOTHING;
"""
READ = """
\\set r random(1, :stock)
SELECT * FROM booking.bookings WHERE id = (SELECT id FROM bench.stock WHERE n = :r);
"""
READ_BY_REFERENCE = """
\\set r random(1, :stock)
SELECT * FROM booking.bookings WHERE reference = (SELECT reference FROM bench.stock WHERE n = :r);
"""
CHECK = """
\\set r random(1, :tables)
\\set hour random(0, 700)
SELECT r.*, v.*, (SELECT count(*) FROM inventory.allocations a WHERE a.active AND a.resource_id = r.id
    AND a.during && tstzrange(date_trunc('day', now()) + :hour * interval '1 hour',
                              date_trunc('day', now()) + (:hour + 1) * interval '1 hour'))
FROM inventory.resources r JOIN inventory.venues v ON v.id = r.venue_id
WHERE r.id = (SELECT id FROM bench.tables WHERE n = :r);
"""
MONTH = """
\\set r random(1, :tables)
SELECT r.*, v.*, (SELECT range_agg(a.during) FROM inventory.allocations a WHERE a.active AND a.resource_id = r.id
    AND a.during && tstzrange(date_trunc('day', now()), date_trunc('day', now()) + interval '31 days'))
FROM inventory.resources r JOIN inventory.venues v ON v.id = r.venue_id
WHERE r.id = (SELECT id FROM bench.tables WHERE n = :r);
"""
LIST = """
\\set day random(1, 37)
SELECT * FROM booking.bookings WHERE venue_id = (SELECT id FROM inventory.venues WHERE name = 'stock')
    AND start_at >= date_trunc('day', now()) + :day * interval '1 day'
    AND start_at < date_trunc('day', now()) + (:day + 1) * interval '1 day'
ORDER BY start_at, id LIMIT 50;
"""


def scripts(copies: Copies) -> dict[str, str]:
    """By scenario."""
    return {
        "create": copies.create(),
        "create, hot pool": copies.create_hot(),
        "create, contended slot": CONTEND,
        "read by id": READ,
        "read by reference": READ_BY_REFERENCE,
        "check availability": CHECK,
        "month of slots": MONTH,
        "list by venue": LIST,
        "cancel": copies.cancel(),
        "create, pay, confirm": copies.journey(),
    }


@dataclass(frozen=True)
class Limit:
    """Transactions a second, and milliseconds of the database's CPU for each."""

    rate: float
    cpu: float


def measure(
    url: str, script: str, *, clients: int, seconds: float, postmaster: int, folder: Path, sizes: Mapping[str, int]
) -> Limit:
    file = folder / "script.sql"
    file.write_text(script)
    defined = [part for name, value in sizes.items() for part in ("-D", f"{name}={value}")]
    shape = [
        "-n",
        "-M",
        "prepared",
        "-c",
        str(clients),
        "-j",
        str(min(clients, 2)),
        "-T",
        str(max(1, round(seconds))),
    ]
    before = spent(None, postmaster)
    done = subprocess.run(
        [str(binaries() / "pgbench"), *shape, "-f", str(file), *defined, url],
        capture_output=True,
        text=True,
        check=False,
    )
    found = TPS.search(done.stdout)
    made = re.search(r"transactions actually processed: (\d+)", done.stdout)
    if done.returncode or found is None or made is None:
        raise RuntimeError(f"pgbench failed:\n{done.stdout}\n{done.stderr}\n{script}")
    used = spent(None, postmaster).since(before).database
    return Limit(float(found[1]), used * 1000 / max(int(made[1]), 1))
