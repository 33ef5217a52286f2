"""The tables of schema `identity`. What proves who somebody is stands apart from who they are.

    users 1-1 credentials          password hash: the system's alone
          1-1 preferences
          1-n sessions 1-n refresh_tokens    a session is a family of refresh tokens
          1-n api_keys, external_identities
    codes, tries                   by keyed hash of an address, whether or not it has an account
    signing_keys, spent_links

No address, code or token is found in clear outside `users`: only keyed hashes, and private keys sealed.
"""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP, UUID

from holdfast.kernel.database import NAMING

metadata = MetaData(schema="identity", naming_convention=NAMING)

Instant = TIMESTAMP(timezone=True)
MAX_CODE_TRIES = 5

users = Table(
    "users",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("email", Text, nullable=False),
    Column("full_name", Text, nullable=False),
    Column("phone", Text),
    Column("roles", ARRAY(Text), nullable=False),
    Column("email_verified_at", Instant),
    Column("banned_at", Instant),
    Column("ban_reason", Text),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    CheckConstraint(
        "cardinality(roles) > 0 AND roles <@ ARRAY['admin', 'staff', 'supplier', 'customer']", name="known_roles"
    ),
    CheckConstraint("(banned_at IS NULL) = (ban_reason IS NULL)", name="bans_have_reasons"),
    Index("users_email_key", text("lower(email)"), unique=True),
    Index("users_roles_idx", "roles", postgresql_using="gin"),
)

credentials = Table(
    "credentials",
    metadata,
    Column("user_id", UUID, primary_key=True),
    Column("password_hash", Text, nullable=False),
    # rises with every change: a link to reset an older password is spent by it
    Column("version", Integer, nullable=False, server_default=text("1")),
    Column("changed_at", Instant, nullable=False),
    ForeignKeyConstraint(["user_id"], ["identity.users.id"], name="credentials_user_id_fkey"),
)

preferences = Table(
    "preferences",
    metadata,
    Column("user_id", UUID, primary_key=True),
    Column("document", JSONB, nullable=False),
    Column("updated_at", Instant, nullable=False),
    ForeignKeyConstraint(["user_id"], ["identity.users.id"], name="preferences_user_id_fkey"),
)

codes = Table(
    "codes",
    metadata,
    Column("address_hash", LargeBinary, primary_key=True),
    # both null where there is nothing to prove: tries at such an address are counted and refused alike
    Column("user_id", UUID),
    Column("code_hash", LargeBinary),
    Column("tries", Integer, nullable=False, server_default=text("0")),
    Column("expires_at", Instant, nullable=False),
    ForeignKeyConstraint(["user_id"], ["identity.users.id"], name="codes_user_id_fkey"),
    CheckConstraint(f"tries BETWEEN 0 AND {MAX_CODE_TRIES}", name="few_tries"),
    Index("codes_expires_at_idx", "expires_at"),
)

tries = Table(
    "tries",
    metadata,
    Column("address_hash", LargeBinary, primary_key=True),
    Column("purpose", Text, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("until", Instant, nullable=False),
    Index("tries_until_idx", "until"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("user_id", UUID, nullable=False),
    Column("address", Text),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("end_reason", Text),
    ForeignKeyConstraint(["user_id"], ["identity.users.id"], name="sessions_user_id_fkey"),
    Index("sessions_live_idx", "user_id", postgresql_where=text("ended_at IS NULL")),
    Index("sessions_expires_at_idx", "expires_at"),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("session_id", UUID, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
    ForeignKeyConstraint(
        ["session_id"], ["identity.sessions.id"], name="refresh_tokens_session_id_fkey", ondelete="CASCADE"
    ),
    Index("refresh_tokens_session_idx", "session_id"),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("public_jwk", JSONB, nullable=False),
    # wiped when the key retires: it only verifies from then on
    Column("sealed_private", LargeBinary),
    Column("created_at", Instant, nullable=False),
    Column("retired_at", Instant),
    CheckConstraint("(retired_at IS NULL) = (sealed_private IS NOT NULL)", name="retired_keys_cannot_sign"),
    # at most one signs
    Index("signing_keys_current_key", text("(retired_at IS NULL)"), unique=True,
          postgresql_where=text("retired_at IS NULL")),
)  # fmt: skip

spent_links = Table(
    "spent_links",
    metadata,
    Column("link_id", UUID, primary_key=True),
    Column("expires_at", Instant, nullable=False),
    Index("spent_links_expires_at_idx", "expires_at"),
)

external_identities = Table(
    "external_identities",
    metadata,
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("user_id", UUID, nullable=False),
    Column("linked_at", Instant, nullable=False),
    ForeignKeyConstraint(["user_id"], ["identity.users.id"], name="external_identities_user_id_fkey"),
    Index("external_identities_user_idx", "user_id"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("user_id", UUID, nullable=False),
    Column("name", Text, nullable=False),
    # finds the key; of its secret there is only a keyed hash
    Column("prefix", Text, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("last_used_at", Instant),
    ForeignKeyConstraint(["user_id"], ["identity.users.id"], name="api_keys_user_id_fkey"),
    UniqueConstraint("prefix", name="api_keys_prefix_key"),
    CheckConstraint("cardinality(scopes) > 0 AND scopes <@ ARRAY['read', 'book', 'manage']", name="known_scopes"),
    Index("api_keys_user_idx", "user_id", "id"),
)
