"""The same rows by pgbench: one prepared statement a transaction, no HTTP, no Python. This is the limit."""

import re
import subprocess
from pathlib import Path

from holdfast.gateways.embedded_postgres import binaries

# what a free booking of an exclusive resource writes: its claim, itself, four steps of history and three events
CREATE = """
\\set resource random(1, :resources)
WITH slot AS (SELECT nextval('bench_slot') AS n, gen_random_uuid() AS id),
target AS (SELECT resource_id FROM bench_resources WHERE n = :resource),
claim AS (
    INSERT INTO inventory.allocations (id, booking_id, item, resource_id, period, during, exclusive, units, guests,
        status, expires_at, made_by, created_at)
    SELECT gen_random_uuid(), slot.id, 1, target.resource_id,
        tstzrange('2100-01-01'::timestamptz + slot.n * interval '1 hour',
                  '2100-01-01'::timestamptz + (slot.n + 1) * interval '1 hour'),
        tstzrange('2100-01-01'::timestamptz + slot.n * interval '1 hour',
                  '2100-01-01'::timestamptz + (slot.n + 1) * interval '1 hour'),
        true, 1, 2, 'committed', NULL, 'booking', now()
    FROM slot, target),
booked AS (
    INSERT INTO booking.bookings (id, reference, status, lifecycle_status, version, resource_id, reservation_id,
        venue_id, venue_type, venue_name, guest_id, guest_name, guest_email, start_at, end_at, party_size,
        currency, price, due_now_minor, policy, metadata, created_at, updated_at, confirmed_at)
    SELECT slot.id, 'B' || slot.n, 'CONFIRMED', 'supplier_confirmed', 1, target.resource_id, gen_random_uuid(),
        target.resource_id, 'restaurant', 'Bench', gen_random_uuid(), 'Guest', 'guest@example.org',
        '2100-01-01'::timestamptz + slot.n * interval '1 hour',
        '2100-01-01'::timestamptz + (slot.n + 1) * interval '1 hour', 2, 'EUR',
        '{"currency": "EUR", "lines": [], "subtotal": "0.00", "fees": "0.00", "taxes": "0.00", "total": "0.00",
          "due_now": "0.00", "terms": "none"}', 0, '{"tiers": [], "no_show_percent": 0}', '{}', now(), now(), now()
    FROM slot, target),
steps AS (
    INSERT INTO booking.history (booking_id, version, to_status, to_lifecycle_status, actor_type, "override",
        metadata, at)
    SELECT slot.id, 1, 'CONFIRMED', 'supplier_confirmed', 'staff', false, '{}', now()
    FROM slot, generate_series(1, 4))
INSERT INTO kernel.outbox (event_id, type, aggregate_id, data, occurred_at)
SELECT gen_random_uuid(), 'booking.created', slot.id,
    jsonb_build_object('booking_id', slot.id, 'reference', 'B' || slot.n, 'status', 'CONFIRMED', 'total', '0.00'),
    now()
FROM slot, generate_series(1, 3);
"""
READ = """
\\set n random(1, :bookings)
SELECT * FROM booking.bookings WHERE id = (SELECT id FROM bench_bookings WHERE n = :n);
"""
CHECK = """
\\set resource random(1, :resources)
\\set hour random(0, 5000)
SELECT r.*, (SELECT count(*) FROM inventory.allocations a WHERE a.active AND a.resource_id = r.id
    AND a.during && tstzrange('2027-01-01'::timestamptz + :hour * interval '1 hour',
                              '2027-01-01'::timestamptz + (:hour + 1) * interval '1 hour'))
FROM inventory.resources r WHERE r.id = (SELECT resource_id FROM bench_resources WHERE n = :resource);
"""

TPS = re.compile(r"tps = ([0-9.]+) \(without")


def rate(url: str, script: str, *, clients: int, seconds: int, folder: Path, **variables: int) -> float:
    """Transactions a second."""
    file = folder / "script.sql"
    file.write_text(script)
    defined = [part for name, value in variables.items() for part in ("-D", f"{name}={value}")]
    shape = ["-n", "-M", "prepared", "-c", str(clients), "-j", str(min(clients, 2)), "-T", str(seconds)]
    done = subprocess.run(
        [str(binaries() / "pgbench"), *shape, "-f", str(file), *defined, url],
        capture_output=True,
        text=True,
        check=False,
    )
    found = TPS.search(done.stdout)
    if done.returncode or found is None:
        raise RuntimeError(f"pgbench failed:\n{done.stdout}\n{done.stderr}")
    return float(found[1])
