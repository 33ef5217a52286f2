"""The application's role, who it acts for, the audit log, and the kernel's own policies."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, UUID

revision = "kernel_0002"
down_revision = "kernel_0001"
branch_labels = None
depends_on = None

# roles belong to the whole server: another database of it may have made this one, even at this moment
ROLE = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'holdfast_app') THEN
        CREATE ROLE holdfast_app NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$
"""
MEMBERSHIP = """
DO $$ BEGIN
    IF NOT pg_has_role(current_user, 'holdfast_app', 'MEMBER') THEN
        EXECUTE format('GRANT holdfast_app TO %I', current_user);
    END IF;
END $$
"""
FUNCTIONS = {
    "calling_kind() RETURNS text": "coalesce(nullif(current_setting('holdfast.kind', true), ''), 'anonymous')",
    "calling_id() RETURNS uuid": "nullif(current_setting('holdfast.id', true), '')::uuid",
    "calling_bookings() RETURNS uuid[]": (
        "coalesce(nullif(current_setting('holdfast.booking_ids', true), ''), '{}')::uuid[]"
    ),
    "calling_name() RETURNS text": "coalesce(current_setting('holdfast.caller', true), '')",
    "is_system() RETURNS boolean": "kernel.calling_kind() IN ('system', 'webhook')",
    "is_house() RETURNS boolean": "kernel.calling_kind() IN ('system', 'webhook', 'staff', 'admin')",
}


def upgrade() -> None:
    op.execute(ROLE)
    op.execute(MEMBERSHIP)
    op.execute("GRANT USAGE ON SCHEMA kernel TO holdfast_app")
    for signature, body in FUNCTIONS.items():
        op.execute(f"CREATE FUNCTION kernel.{signature} LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT {body} $$")
    op.create_table(
        "audit_log",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("at", TIMESTAMP(timezone=True), nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("actor_type", sa.Text, nullable=False),
        sa.Column("actor_id", UUID),
        sa.Column("subject_type", sa.Text, nullable=False),
        sa.Column("subject_id", UUID),
        sa.Column("reason", sa.Text),
        sa.Column("before", JSONB),
        sa.Column("after", JSONB),
        sa.Column("request_id", sa.Text),
        sa.Column("address", sa.Text),
        schema="kernel",
    )
    op.create_index("audit_log_subject_idx", "audit_log", ["subject_id", "id"], schema="kernel")
    op.create_index("audit_log_action_idx", "audit_log", ["action", "id"], schema="kernel")
    op.execute(
        "GRANT SELECT, INSERT, UPDATE, DELETE"
        " ON kernel.outbox, kernel.inbox, kernel.idempotency_keys TO holdfast_app"
    )
    op.execute("GRANT SELECT, INSERT ON kernel.audit_log TO holdfast_app")
    op.execute("GRANT SELECT ON kernel.alembic_version TO holdfast_app")
    for table in ("outbox", "inbox", "idempotency_keys", "audit_log"):
        op.execute(f"ALTER TABLE kernel.{table} ENABLE ROW LEVEL SECURITY")
    # everybody's acts have events and leave a trace; only the house reads them, only the relay moves them
    op.execute("CREATE POLICY told_by_all ON kernel.outbox FOR INSERT WITH CHECK (true)")
    op.execute("CREATE POLICY read_by_house ON kernel.outbox FOR SELECT USING (kernel.is_house())")
    op.execute("CREATE POLICY moved_by_system ON kernel.outbox FOR UPDATE USING (kernel.is_system())")
    op.execute("CREATE POLICY pruned_by_system ON kernel.outbox FOR DELETE USING (kernel.is_system())")
    op.execute("CREATE POLICY system_only ON kernel.inbox USING (kernel.is_system())")
    op.execute(
        "CREATE POLICY own_keys ON kernel.idempotency_keys"
        " USING (kernel.is_system() OR starts_with(scope, kernel.calling_name() || ':'))"
    )
    op.execute("CREATE POLICY written_by_all ON kernel.audit_log FOR INSERT WITH CHECK (true)")
    op.execute("CREATE POLICY read_by_house ON kernel.audit_log FOR SELECT USING (kernel.is_house())")


def downgrade() -> None:
    for policy, table in (
        ("own_keys", "idempotency_keys"),
        ("system_only", "inbox"),
        ("pruned_by_system", "outbox"),
        ("moved_by_system", "outbox"),
        ("read_by_house", "outbox"),
        ("told_by_all", "outbox"),
    ):
        op.execute(f"DROP POLICY {policy} ON kernel.{table}")
    for table in ("outbox", "inbox", "idempotency_keys"):
        op.execute(f"ALTER TABLE kernel.{table} DISABLE ROW LEVEL SECURITY")
    op.drop_table("audit_log", schema="kernel")
    for signature in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION kernel.{signature.split(' ')[0]}")
    # the role stays: other databases of this server may use it
    op.execute("REVOKE ALL ON ALL TABLES IN SCHEMA kernel FROM holdfast_app")
    op.execute("REVOKE USAGE ON SCHEMA kernel FROM holdfast_app")
