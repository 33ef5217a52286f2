"""Intents, captures, refunds, the providers' events, and a ledger that balances and is never changed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, UUID

revision = "payment_0001"
down_revision = None
branch_labels = ("payment",)
depends_on = ("kernel_0002",)

INSTANT = TIMESTAMP(timezone=True)
OPEN = "status IN ('requires_action', 'processing')"
TABLES = ("intents", "captures", "refunds", "provider_events", "discrepancies", "journal", "entries")

# checked when the transaction ends: a posting is its journal line and at least two entries that come to zero
BALANCED = """
CREATE FUNCTION payment.posting_balances() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    posting uuid := to_jsonb(NEW)->>TG_ARGV[0];
BEGIN
    IF (SELECT count(*) FROM payment.entries WHERE journal_id = posting) < 2 OR EXISTS (
        SELECT FROM payment.entries WHERE journal_id = posting GROUP BY currency HAVING sum(minor) <> 0
    ) THEN
        RAISE EXCEPTION 'posting % does not balance', posting
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entries_balance';
    END IF;
    RETURN NULL;
END $$
"""
UNCHANGEABLE = """
CREATE FUNCTION payment.never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is only added to' USING ERRCODE = 'integrity_constraint_violation';
END $$
"""
# a booking that is moved asks anew, in the session of whoever moves it, who may not change intents otherwise
CLOSE_OPEN = f"""
CREATE FUNCTION payment.close_open_intents(bookings uuid[], closed_at timestamptz) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog AS $$
    UPDATE payment.intents
    SET status = 'cancelled', updated_at = closed_at, looks = 0,
        next_look_at = CASE WHEN ref IS NULL THEN NULL ELSE closed_at END
    WHERE booking_id = ANY (bookings) AND {OPEN}
$$
"""


def upgrade() -> None:
    op.execute("CREATE SCHEMA payment")
    create_intents()
    create_captures()
    create_refunds()
    create_provider_events()
    create_ledger()
    op.execute(CLOSE_OPEN)
    open_to_the_application()


def create_intents() -> None:
    op.create_table(
        "intents",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("booking_id", UUID, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("ref", sa.Text),
        sa.Column("hosted_url", sa.Text),
        sa.Column("payload", JSONB, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("failure", sa.Text),
        sa.Column("next_look_at", INSTANT),
        sa.Column("looks", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.CheckConstraint("amount_minor > 0", name="intents_amount_above_zero_check"),
        sa.CheckConstraint(
            "status IN ('requires_action', 'processing', 'succeeded', 'failed', 'cancelled',"
            " 'partially_refunded', 'refunded')",
            name="intents_status_check",
        ),
        schema="payment",
    )
    index("intents", "intents_one_open", "booking_id", unique=True, where=OPEN)
    index("intents", "intents_booking_idx", "booking_id", "id")
    index("intents", "intents_ref_idx", "provider", "ref", unique=True, where="ref IS NOT NULL")
    index("intents", "intents_look_idx", "next_look_at", where="next_look_at IS NOT NULL")
    index("intents", "intents_created_idx", "created_at")


def create_captures() -> None:
    op.create_table(
        "captures",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("intent_id", UUID, nullable=False),
        sa.Column("booking_id", UUID, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("ref", sa.Text, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("refunded_minor", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["intent_id"], ["payment.intents.id"], name="captures_intent_id_fkey"),
        sa.UniqueConstraint("intent_id", name="captures_intent_id_key"),
        sa.CheckConstraint("amount_minor > 0", name="captures_amount_above_zero_check"),
        sa.CheckConstraint(
            "refunded_minor BETWEEN 0 AND amount_minor", name="captures_refunded_within_amount_check"
        ),
        schema="payment",
    )
    index("captures", "captures_booking_idx", "booking_id", "id")
    index("captures", "captures_at_idx", "at")


def create_refunds() -> None:
    op.create_table(
        "refunds",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("capture_id", UUID, nullable=False),
        sa.Column("intent_id", UUID, nullable=False),
        sa.Column("booking_id", UUID, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("ref", sa.Text),
        sa.Column("failure", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("next_attempt_at", INSTANT),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["capture_id"], ["payment.captures.id"], name="refunds_capture_id_fkey"),
        sa.ForeignKeyConstraint(["intent_id"], ["payment.intents.id"], name="refunds_intent_id_fkey"),
        sa.CheckConstraint("amount_minor > 0", name="refunds_amount_above_zero_check"),
        sa.CheckConstraint("status IN ('pending', 'succeeded', 'failed')", name="refunds_status_check"),
        sa.CheckConstraint("(status = 'pending') = (next_attempt_at IS NOT NULL)", name="refunds_due_check"),
        schema="payment",
    )
    index("refunds", "refunds_capture_idx", "capture_id")
    index("refunds", "refunds_booking_idx", "booking_id", "id")
    index("refunds", "refunds_ref_idx", "provider", "ref", unique=True, where="ref IS NOT NULL")
    index("refunds", "refunds_due_idx", "next_attempt_at", where="next_attempt_at IS NOT NULL")


def create_provider_events() -> None:
    op.create_table(
        "provider_events",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("news", JSONB),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("intent_id", UUID),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("next_attempt_at", INSTANT),
        sa.Column("error", sa.Text),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("processed_at", INSTANT),
        sa.UniqueConstraint("provider", "event_id", name="provider_events_provider_event_id_key"),
        sa.CheckConstraint(
            "status IN ('received', 'processed', 'ignored', 'unmatched', 'mismatched')",
            name="provider_events_status_check",
        ),
        sa.CheckConstraint(
            "(status = 'received') = (next_attempt_at IS NOT NULL)", name="provider_events_due_check"
        ),
        schema="payment",
    )
    index("provider_events", "provider_events_due_idx", "next_attempt_at", where="next_attempt_at IS NOT NULL")
    index("provider_events", "provider_events_received_idx", "received_at", "id")
    index("provider_events", "provider_events_status_idx", "status", "received_at")
    op.create_table(
        "discrepancies",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("ref", sa.Text, nullable=False),
        sa.Column("intent_id", UUID),
        sa.Column("expected", sa.Text, nullable=False),
        sa.Column("seen", sa.Text, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.UniqueConstraint("kind", "provider", "ref", "seen", name="discrepancies_once_key"),
        schema="payment",
    )
    index("discrepancies", "discrepancies_at_idx", "at")


def create_ledger() -> None:
    op.create_table(
        "journal",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", UUID, nullable=False),
        sa.Column("booking_id", UUID, nullable=False),
        sa.Column("note", sa.Text),
        sa.Column("at", INSTANT, nullable=False),
        sa.UniqueConstraint("kind", "subject", name="journal_kind_subject_key"),
        schema="payment",
    )
    index("journal", "journal_booking_idx", "booking_id", "id")
    op.create_table(
        "entries",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("journal_id", UUID, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["journal_id"], ["payment.journal.id"], name="entries_journal_id_fkey"),
        sa.CheckConstraint("minor <> 0", name="entries_minor_not_zero_check"),
        schema="payment",
    )
    index("entries", "entries_journal_idx", "journal_id")
    index("entries", "entries_account_idx", "account", "currency")
    op.execute(BALANCED)
    op.execute(UNCHANGEABLE)
    for table, posting in (("journal", "id"), ("entries", "journal_id")):
        op.execute(
            f"CREATE CONSTRAINT TRIGGER {table}_balance AFTER INSERT ON payment.{table}"
            f" DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION payment.posting_balances('{posting}')"
        )
        op.execute(
            f"CREATE TRIGGER {table}_never_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON payment.{table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION payment.never_changes()"
        )


def open_to_the_application() -> None:
    """Only the system changes what was paid, and only the house reads it: whose a payment is, is asked of its
    booking. A booking that anybody makes comes with an intent, which is as yet known to no provider."""
    op.execute("GRANT USAGE ON SCHEMA payment TO holdfast_app")
    changing = "payment.intents, payment.captures, payment.refunds, payment.provider_events"
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON {changing} TO holdfast_app")
    op.execute("GRANT SELECT, INSERT ON payment.discrepancies, payment.journal, payment.entries TO holdfast_app")
    for table in TABLES:
        op.execute(f"ALTER TABLE payment.{table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY read_by_house ON payment.{table} FOR SELECT USING (kernel.is_house())")
        op.execute(f"CREATE POLICY written_by_system ON payment.{table} USING (kernel.is_system())")
    op.execute(
        "CREATE POLICY ordered_by_all ON payment.intents FOR INSERT"
        " WITH CHECK (status = 'requires_action' AND ref IS NULL AND next_look_at IS NULL)"
    )


def index(table: str, name: str, *columns: str, unique: bool = False, where: str | None = None) -> None:
    only = sa.text(where) if where else None
    op.create_index(name, table, list(columns), unique=unique, schema="payment", postgresql_where=only)


def downgrade() -> None:
    op.execute("DROP FUNCTION payment.close_open_intents(uuid[], timestamptz)")
    for table in reversed(TABLES):
        op.drop_table(table, schema="payment")
    op.execute("DROP FUNCTION payment.posting_balances()")
    op.execute("DROP FUNCTION payment.never_changes()")
    op.execute("DROP SCHEMA payment")
