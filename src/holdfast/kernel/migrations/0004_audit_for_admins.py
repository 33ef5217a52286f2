"""The record of acts is read by admins alone in the database too, as at the route."""

from alembic import op

revision = "kernel_0004"
down_revision = "kernel_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # what waits longer for a lock makes everyone behind it wait
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("DROP POLICY read_by_house ON kernel.audit_log")
    op.execute(
        "CREATE POLICY read_by_admins ON kernel.audit_log FOR SELECT"
        " USING (kernel.is_system() OR kernel.calling_kind() = 'admin')"
    )


def downgrade() -> None:
    op.execute("DROP POLICY read_by_admins ON kernel.audit_log")
    op.execute("CREATE POLICY read_by_house ON kernel.audit_log FOR SELECT USING (kernel.is_house())")
