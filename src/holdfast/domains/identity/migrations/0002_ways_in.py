"""Other ways in than a password: API keys, and accounts of other issuers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP, UUID

revision = "identity_0002"
down_revision = "identity_0001"
branch_labels = None
depends_on = ("kernel_0002",)

MOMENT = TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "external_identities",
        sa.Column("issuer", sa.Text, primary_key=True),
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("user_id", UUID, nullable=False),
        sa.Column("linked_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["identity.users.id"], name="external_identities_user_id_fkey"),
        schema="identity",
    )
    op.create_index("external_identities_user_idx", "external_identities", ["user_id"], schema="identity")
    op.create_table(
        "api_keys",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("user_id", UUID, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("prefix", sa.Text, nullable=False),
        sa.Column("secret_hash", sa.LargeBinary, nullable=False),
        sa.Column("scopes", ARRAY(sa.Text), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT),
        sa.Column("last_used_at", MOMENT),
        sa.ForeignKeyConstraint(["user_id"], ["identity.users.id"], name="api_keys_user_id_fkey"),
        sa.UniqueConstraint("prefix", name="api_keys_prefix_key"),
        sa.CheckConstraint(
            "cardinality(scopes) > 0 AND scopes <@ ARRAY['read', 'book', 'manage']",
            name=op.f("api_keys_known_scopes_check"),
        ),
        schema="identity",
    )
    op.create_index("api_keys_user_idx", "api_keys", ["user_id", "id"], schema="identity")
    grant_and_restrict()


def grant_and_restrict() -> None:
    op.execute("GRANT SELECT, INSERT ON identity.external_identities TO holdfast_app")
    op.execute("GRANT SELECT, INSERT, DELETE, UPDATE (last_used_at) ON identity.api_keys TO holdfast_app")
    for table in ("external_identities", "api_keys"):
        op.execute(f"ALTER TABLE identity.{table} ENABLE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY system_only ON identity.external_identities USING (kernel.is_system())")
    own = "user_id = kernel.calling_id()"
    op.execute(f"CREATE POLICY own_or_house ON identity.api_keys FOR SELECT USING (kernel.is_house() OR {own})")
    op.execute(f"CREATE POLICY made_by_owner ON identity.api_keys FOR INSERT WITH CHECK ({own})")
    op.execute(
        f"CREATE POLICY deleted_by_owner ON identity.api_keys FOR DELETE USING (kernel.is_system() OR {own})"
    )
    op.execute("CREATE POLICY used_by_system ON identity.api_keys FOR UPDATE USING (kernel.is_system())")


def downgrade() -> None:
    op.drop_table("api_keys", schema="identity")
    op.drop_table("external_identities", schema="identity")
