"""Statements that write copies of the rows that Holdfast wrote for a sample: what pgbench is given to write."""

from collections.abc import Iterable, Mapping

import asyncpg

from benchmarks.samples import TABLES, table_of

# ids of a copy: the same old id gives the same new one everywhere in it, so that what belonged together still does
FRESH = {"id", "booking_id", "event_id", "aggregate_id", "intent_id", "capture_id", "journal_id", "subject"}
HOUR = "'2100-01-01'::timestamptz + {n} * interval '1 hour'"
PERIOD = f"tstzrange({HOUR}, {HOUR} + interval '1 hour')"
ELSEWHERE = {
    "resource_id": "target.id",
    "period": PERIOD,
    "during": PERIOD,
    "start_at": HOUR,
    "end_at": f"{HOUR} + interval '1 hour'",
}
CREATED = (
    "booking.bookings",
    "inventory.allocations",
    "booking.history",
    "kernel.outbox",
    "kernel.idempotency_keys",
)


class Copies:
    """Scripts that write what the samples hold."""

    def __init__(self, columns: Mapping[str, Mapping[str, str]]) -> None:
        self.columns = columns

    @classmethod
    async def of(cls, database: asyncpg.Connection) -> "Copies":
        """Columns by table, with their types; not those that fill themselves."""
        rows = await database.fetch(
            "SELECT table_schema || '.' || table_name AS name, column_name, udt_name"
            " FROM information_schema.columns WHERE is_identity = 'NO' AND is_generated = 'NEVER'"
            " ORDER BY ordinal_position"
        )
        columns: dict[str, dict[str, str]] = {table: {} for table in TABLES}
        for row in rows:
            if row["name"] in columns:
                columns[row["name"]][row["column_name"]] = row["udt_name"]
        return cls(columns)

    def create(self) -> str:
        return f"\\set r random(1, :spread)\n{self.one_statement('create', CREATED, 'bench.spread')};"

    def create_hot(self) -> str:
        """Everybody counts in one row."""
        return self.one_statement("pooled", CREATED, None, COUNT) + ";"

    def one_statement(self, sample: str, tables: Iterable[str], targets: str | None, *more: str) -> str:
        target = [f"target AS MATERIALIZED (SELECT id FROM {targets} WHERE n = :r)"] if targets else []
        parts = [self.insert(sample, table, n="slot.n", moved=targets is not None) for table in tables]
        named = [f"part{number} AS ({part})" for number, part in enumerate([*parts, *more][:-1])]
        slot = "slot AS MATERIALIZED (SELECT nextval('bench.slot') AS n)"
        return f"WITH {', '.join([slot, *target, *named])} {[*parts, *more][-1]}"

    def insert(self, sample: str, table: str, *, n: str, moved: bool, where: str = "true") -> str:
        """Copies of the sample's rows in this table, with new ids; `moved` to another resource and time."""
        columns = self.columns[table]
        values = [self.value(name, type_, n, moved=moved) for name, type_ in columns.items()]
        sources = [
            f"{table_of(sample, table)} s",
            *(["slot"] if n == "slot.n" else []),
            *(["target"] if moved else []),
        ]
        names = ", ".join(f'"{name}"' for name in columns)
        return f"INSERT INTO {table} ({names}) SELECT {', '.join(values)} FROM {', '.join(sources)} WHERE {where}"

    def value(self, name: str, type_: str, n: str, *, moved: bool) -> str:
        if type_ == "uuid" and name in FRESH:
            return f"md5(s.{name}::text || {n})::uuid"
        if name in ("reference", "ref", "key"):
            return f"s.{name} || {n}"
        if moved and name in ELSEWHERE:
            return ELSEWHERE[name].format(n=n)
        return f's."{name}"'

    def cancel(self) -> str:
        """A booking of the stock; once all are cancelled, the first again, which costs as much."""
        changed = ("status", "lifecycle_status", "version", "updated_at", "cancelled_at", "payment", "refund_due")
        news = [
            self.insert("cancel", table, n="slot.n", moved=False).replace(
                "md5(s.booking_id::text || slot.n)::uuid", "one.id"
            )
            for table in ("booking.history", "kernel.outbox", "kernel.idempotency_keys")
        ]
        return f"""
        WITH slot AS MATERIALIZED (SELECT nextval('bench.slot') AS n),
        one AS MATERIALIZED (SELECT id FROM bench.stock, slot WHERE bench.stock.n = slot.n % :stock + 1),
        booked AS (UPDATE booking.bookings b SET {assigned(changed)}
            FROM {table_of("cancel", "booking.bookings")} s, one WHERE b.id = one.id),
        claimed AS (UPDATE inventory.allocations a SET status = 'released', released_at = now()
            FROM one WHERE a.booking_id = one.id AND a.item = 1 AND a.status <> 'released'),
        part0 AS ({news[0].replace(", slot WHERE", ", slot, one WHERE")}),
        part1 AS ({news[1]})
        {news[2]};
        """

    def journey(self) -> str:
        """Two transactions: the booking with its intent; then the money, and the booking moved on."""
        first = ("payment.intents", "sandbox.checkouts", *CREATED)
        early = {"booking.history": "version = 1", "kernel.outbox": "type = 'booking.created'"}
        late = {table: f"NOT ({condition})" for table, condition in early.items()}
        then = (
            "payment.captures",
            "payment.journal",
            "payment.entries",
            "booking.captures",
            "kernel.inbox",
            *early,
        )
        moved = {"booking.bookings", "inventory.allocations"}
        begun = [
            self.insert("journey", table, n="slot.n", moved=table in moved, where=early.get(table, "true"))
            for table in first
        ]
        paid = [
            self.insert("journey", table, n="slot.n", moved=False, where=late.get(table, "true")) for table in then
        ]
        changed = (
            "status",
            "lifecycle_status",
            "version",
            "captured_minor",
            "payment",
            "confirmed_at",
            "updated_at",
        )
        known = "slot AS MATERIALIZED (SELECT :n::bigint AS n)"
        target = "target AS MATERIALIZED (SELECT id FROM bench.paid WHERE n = :r)"
        return f"""
        \\set r random(1, :paid)
        SELECT nextval('bench.slot') AS n \\gset
        WITH {known}, {target}, {together(begun[:-1])} {begun[-1]};
        WITH {known}, {together(paid)},
        claimed AS (UPDATE inventory.allocations a SET status = s.status, expires_at = NULL
            FROM {table_of("journey", "inventory.allocations")} s, slot
            WHERE a.id = md5(s.id::text || slot.n)::uuid),
        asked AS (UPDATE payment.intents i SET status = s.status, updated_at = now()
            FROM {table_of("journey", "payment.intents")} s, slot WHERE i.id = md5(s.id::text || slot.n)::uuid)
        UPDATE booking.bookings b SET {assigned(changed)}
            FROM {table_of("journey", "booking.bookings")} s, slot WHERE b.id = md5(s.id::text || slot.n)::uuid;
        """


def assigned(columns: Iterable[str]) -> str:
    return ", ".join(f"{name} = s.{name}" for name in columns)


def together(statements: Iterable[str]) -> str:
    return ", ".join(f"part{number} AS ({statement})" for number, statement in enumerate(statements))


COUNT = f"""
UPDATE inventory.buckets b SET reserved = b.reserved + 2
FROM {table_of("pooled", "inventory.allocations")} s
WHERE b.resource_id = s.resource_id AND b.bucket_at = lower(s.during)
"""
