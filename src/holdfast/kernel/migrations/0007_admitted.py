"""A transaction that makes bookings for several callers sees the answers kept in their scopes, and no others."""

from alembic import op

revision = "kernel_0007"
down_revision = "kernel_0006"
branch_labels = None
depends_on = None

# text[] of `booking/account`: the bookings that this transaction makes, each for one account
MADE_FOR = "coalesce(nullif(current_setting('holdfast.made_for', true), ''), '{}')::text[]"
SCOPES = "coalesce(nullif(current_setting('holdfast.scopes', true), ''), '{}')::text[]"


def upgrade() -> None:
    for name, body in (("admitted_for", MADE_FOR), ("admitted_scopes", SCOPES)):
        shape = f"{name}() RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE"
        op.execute(f"CREATE FUNCTION kernel.{shape} AS $$ SELECT {body} $$")
    op.execute("CREATE POLICY admitted ON kernel.idempotency_keys USING (scope = ANY (kernel.admitted_scopes()))")


def downgrade() -> None:
    op.execute("DROP POLICY admitted ON kernel.idempotency_keys")
    for name in ("admitted_scopes", "admitted_for"):
        op.execute(f"DROP FUNCTION kernel.{name}()")
