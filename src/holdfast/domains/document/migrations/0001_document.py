"""Documents, their files, the numbers of invoices, and who sells."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, UUID

revision = "document_0001"
down_revision = None
branch_labels = ("document",)
depends_on = ("kernel_0002",)

INSTANT = TIMESTAMP(timezone=True)
# the guest all of theirs; a supplier the vouchers that are shown at its door, and what it invoiced itself
READABLE = """kernel.is_house() OR guest_id = kernel.calling_id() OR booking_id = ANY (kernel.calling_bookings())
    OR kind = 'voucher' AND supplier_id = kernel.calling_id()
    OR kind IN ('invoice', 'credit_note') AND seller_id = kernel.calling_id()"""
REFUSE = """
CREATE FUNCTION document.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a document is never changed' USING ERRCODE = 'restrict_violation';
END $$
"""


def upgrade() -> None:
    op.execute("CREATE SCHEMA document")
    create_documents()
    create_files()
    op.create_table(
        "counters",
        sa.Column("seller_id", UUID, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("year", sa.Integer, primary_key=True),
        sa.Column("last", sa.Integer, nullable=False),
        schema="document",
    )
    op.create_table(
        "sellers",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("details", JSONB, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        schema="document",
    )
    keep_for_good()
    open_to_the_application()


def create_documents() -> None:
    op.create_table(
        "documents",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("booking_id", UUID, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("seller_id", UUID, nullable=False),
        sa.Column("occasion", sa.Text, nullable=False),
        sa.Column("guest_id", UUID, nullable=False),
        sa.Column("supplier_id", UUID),
        sa.Column("currency", sa.Text),
        sa.Column("total_minor", sa.BigInteger),
        sa.Column("corrects_id", UUID),
        sa.Column("e_invoice", sa.Text),
        sa.Column("facts", JSONB, nullable=False),
        sa.Column("issued_on", sa.Date, nullable=False),
        sa.Column("generated_by_type", sa.Text, nullable=False),
        sa.Column("generated_by_id", UUID),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.UniqueConstraint("booking_id", "kind", "occasion", name="documents_occasion_key"),
        sa.UniqueConstraint("booking_id", "kind", "version", name="documents_version_key"),
        sa.UniqueConstraint("seller_id", "kind", "number", name="documents_number_key"),
        sa.CheckConstraint(
            "kind IN ('invoice', 'credit_note', 'voucher', 'itinerary', 'e_ticket', 'quotation')",
            name="documents_kind_check",
        ),
        sa.CheckConstraint("(kind = 'credit_note') = (corrects_id IS NOT NULL)", name="documents_corrects_check"),
        sa.CheckConstraint(
            "kind NOT IN ('invoice', 'credit_note') OR total_minor > 0", name="documents_total_check"
        ),
        sa.ForeignKeyConstraint(["corrects_id"], ["document.documents.id"], name="documents_corrects_id_fkey"),
        schema="document",
    )
    op.create_index("documents_corrects_idx", "documents", ["corrects_id"], schema="document")


def create_files() -> None:
    op.create_table(
        "files",
        sa.Column("document_id", UUID, primary_key=True),
        sa.Column("format", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("standard", sa.Text, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.CheckConstraint("format IN ('pdf', 'ics')", name="files_format_check"),
        sa.ForeignKeyConstraint(["document_id"], ["document.documents.id"], name="files_document_id_fkey"),
        schema="document",
    )


def keep_for_good() -> None:
    """Not even the owner of the tables changes a document by accident."""
    op.execute(REFUSE)
    for table in ("documents", "files"):
        op.execute(
            f"CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE ON document.{table}"
            " FOR EACH ROW EXECUTE FUNCTION document.refuse_change()"
        )


def open_to_the_application() -> None:
    op.execute("GRANT USAGE ON SCHEMA document TO holdfast_app")
    op.execute("GRANT SELECT, INSERT ON document.documents, document.files TO holdfast_app")
    op.execute("GRANT SELECT, INSERT, UPDATE ON document.counters, document.sellers TO holdfast_app")
    for table in ("documents", "files", "counters", "sellers"):
        op.execute(f"ALTER TABLE document.{table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY read_by_whom_it_concerns ON document.documents FOR SELECT USING ({READABLE})")
    op.execute("CREATE POLICY made_by_house ON document.documents FOR INSERT WITH CHECK (kernel.is_house())")
    # the inner read is under the policy of documents itself
    of_readable = "EXISTS (SELECT FROM document.documents AS d WHERE d.id = document_id)"
    op.execute(f"CREATE POLICY of_readable ON document.files FOR SELECT USING ({of_readable})")
    op.execute("CREATE POLICY made_by_house ON document.files FOR INSERT WITH CHECK (kernel.is_house())")
    op.execute("CREATE POLICY house_only ON document.counters USING (kernel.is_house())")
    op.execute("CREATE POLICY own ON document.sellers USING (kernel.is_house() OR id = kernel.calling_id())")


def downgrade() -> None:
    for table in ("files", "documents", "counters", "sellers"):
        op.drop_table(table, schema="document")
    op.execute("DROP FUNCTION document.refuse_change()")
    op.execute("DROP SCHEMA document")
