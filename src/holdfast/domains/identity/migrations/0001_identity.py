"""Accounts, what proves them, their sessions, and who may see which row."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP, UUID

revision = "identity_0001"
down_revision = None
branch_labels = ("identity",)
depends_on = ("kernel_0002",)

MOMENT = TIMESTAMP(timezone=True)

SYSTEM_ONLY = ("credentials", "codes", "tries", "sessions", "refresh_tokens", "signing_keys", "spent_links")

# a person may change their own name and phone; what they are is not theirs to change, whatever statement is sent
GUARD = """
CREATE FUNCTION identity.guard_rights() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF row_security_active(TG_RELID) AND NOT kernel.is_system()
       AND (NEW.id, NEW.email, NEW.roles, NEW.email_verified_at, NEW.banned_at, NEW.ban_reason)
           IS DISTINCT FROM (OLD.id, OLD.email, OLD.roles, OLD.email_verified_at, OLD.banned_at, OLD.ban_reason)
    THEN
        RAISE EXCEPTION 'only the system changes what an account is' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$
"""


def upgrade() -> None:
    op.execute("CREATE SCHEMA identity")
    create_people()
    create_proofs()
    create_sessions()
    op.execute(GUARD)
    op.execute(
        "CREATE TRIGGER guard_rights BEFORE UPDATE ON identity.users"
        " FOR EACH ROW EXECUTE FUNCTION identity.guard_rights()"
    )
    grant()
    restrict()


def user_column(**options: object) -> sa.Column[object]:
    return sa.Column("user_id", UUID, **options)  # type: ignore[arg-type]


def user_key(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["user_id"], ["identity.users.id"], name=f"{table}_user_id_fkey")


def create_people() -> None:
    op.create_table(
        "users",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("full_name", sa.Text, nullable=False),
        sa.Column("phone", sa.Text),
        sa.Column("roles", ARRAY(sa.Text), nullable=False),
        sa.Column("email_verified_at", MOMENT),
        sa.Column("banned_at", MOMENT),
        sa.Column("ban_reason", sa.Text),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "cardinality(roles) > 0 AND roles <@ ARRAY['admin', 'staff', 'supplier', 'customer']",
            name=op.f("users_known_roles_check"),
        ),
        sa.CheckConstraint(
            "(banned_at IS NULL) = (ban_reason IS NULL)", name=op.f("users_bans_have_reasons_check")
        ),
        schema="identity",
    )
    op.execute("CREATE UNIQUE INDEX users_email_key ON identity.users (lower(email))")
    op.execute("CREATE INDEX users_roles_idx ON identity.users USING gin (roles)")
    op.create_table(
        "credentials",
        user_column(primary_key=True),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False, server_default=sa.text("1")),
        sa.Column("changed_at", MOMENT, nullable=False),
        user_key("credentials"),
        schema="identity",
    )
    op.create_table(
        "preferences",
        user_column(primary_key=True),
        sa.Column("document", JSONB, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        user_key("preferences"),
        schema="identity",
    )


def create_proofs() -> None:
    op.create_table(
        "codes",
        sa.Column("address_hash", sa.LargeBinary, primary_key=True),
        user_column(),
        sa.Column("code_hash", sa.LargeBinary),
        sa.Column("tries", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("expires_at", MOMENT, nullable=False),
        user_key("codes"),
        sa.CheckConstraint("tries BETWEEN 0 AND 5", name=op.f("codes_few_tries_check")),
        schema="identity",
    )
    op.create_index("codes_expires_at_idx", "codes", ["expires_at"], schema="identity")
    op.create_table(
        "tries",
        sa.Column("address_hash", sa.LargeBinary, primary_key=True),
        sa.Column("purpose", sa.Text, primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        schema="identity",
    )
    op.create_index("tries_until_idx", "tries", ["until"], schema="identity")
    op.create_table(
        "spent_links",
        sa.Column("link_id", UUID, primary_key=True),
        sa.Column("expires_at", MOMENT, nullable=False),
        schema="identity",
    )
    op.create_index("spent_links_expires_at_idx", "spent_links", ["expires_at"], schema="identity")
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.Text, primary_key=True),
        sa.Column("public_jwk", JSONB, nullable=False),
        sa.Column("sealed_private", sa.LargeBinary),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("retired_at", MOMENT),
        sa.CheckConstraint(
            "(retired_at IS NULL) = (sealed_private IS NOT NULL)",
            name=op.f("signing_keys_retired_keys_cannot_sign_check"),
        ),
        schema="identity",
    )
    op.execute(
        "CREATE UNIQUE INDEX signing_keys_current_key ON identity.signing_keys ((retired_at IS NULL))"
        " WHERE retired_at IS NULL"
    )


def create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", UUID, primary_key=True),
        user_column(nullable=False),
        sa.Column("address", sa.Text),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("end_reason", sa.Text),
        user_key("sessions"),
        schema="identity",
    )
    op.create_index(
        "sessions_live_idx",
        "sessions",
        ["user_id"],
        schema="identity",
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("sessions_expires_at_idx", "sessions", ["expires_at"], schema="identity")
    op.create_table(
        "refresh_tokens",
        sa.Column("token_hash", sa.LargeBinary, primary_key=True),
        sa.Column("session_id", UUID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT),
        sa.ForeignKeyConstraint(
            ["session_id"], ["identity.sessions.id"], name="refresh_tokens_session_id_fkey", ondelete="CASCADE"
        ),
        schema="identity",
    )
    op.create_index("refresh_tokens_session_idx", "refresh_tokens", ["session_id"], schema="identity")


def grant() -> None:
    for rights, tables in (
        ("SELECT, INSERT, UPDATE", ("users", "credentials", "preferences", "signing_keys")),
        ("SELECT, INSERT, UPDATE, DELETE", ("codes", "tries", "sessions", "refresh_tokens")),
        ("SELECT, INSERT, DELETE", ("spent_links",)),
        ("DELETE", ("signing_keys",)),
    ):
        names = ", ".join(f"identity.{table}" for table in tables)
        op.execute(f"GRANT {rights} ON {names} TO holdfast_app")
    op.execute("GRANT USAGE ON SCHEMA identity TO holdfast_app")


def restrict() -> None:
    for table in ("users", "preferences", *SYSTEM_ONLY):
        op.execute(f"ALTER TABLE identity.{table} ENABLE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY own_or_house ON identity.users FOR SELECT"
        " USING (kernel.is_house() OR id = kernel.calling_id())"
    )
    op.execute("CREATE POLICY made_by_system ON identity.users FOR INSERT WITH CHECK (kernel.is_system())")
    op.execute(
        "CREATE POLICY changed_by_owner ON identity.users FOR UPDATE"
        " USING (kernel.is_system() OR id = kernel.calling_id())"
    )
    op.execute(
        "CREATE POLICY own ON identity.preferences USING (kernel.is_system() OR user_id = kernel.calling_id())"
    )
    for table in SYSTEM_ONLY:
        op.execute(f"CREATE POLICY system_only ON identity.{table} USING (kernel.is_system())")


def downgrade() -> None:
    for table in (
        "refresh_tokens", "sessions", "signing_keys", "spent_links", "tries", "codes", "preferences",
        "credentials", "users",
    ):  # fmt: skip
        op.drop_table(table, schema="identity")
    op.execute("DROP FUNCTION identity.guard_rights")
    op.execute("DROP SCHEMA identity")
