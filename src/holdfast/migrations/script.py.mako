"""${message}."""

from alembic import op
<%
def quoted(value):
    return repr(value).replace("'", '"')
%>
revision = ${quoted(up_revision)}
down_revision = ${quoted(down_revision)}
branch_labels = ${quoted(branch_labels)}
depends_on = ${quoted(depends_on)}


def upgrade() -> None:
    # What waits longer for a lock makes everyone behind it wait: fail and try again when it is quieter.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '15min'")
% if upgrades:
    ${upgrades}
% endif


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("SET LOCAL statement_timeout = '15min'")
% if downgrades:
    ${downgrades}
% endif
