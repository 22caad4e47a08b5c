"""add API keys, uploads, owned styles and retention."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("label", sa.String(length=120), nullable=False),
        sa.Column("scopes", sa.String(length=64), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=True),
        sa.Column("last_used_at", TIME, nullable=True),
        sa.Column("revoked_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["owner"], ["owners.name"], name=op.f("fk_api_keys_owner_owners")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
    )
    op.create_index(op.f("ix_api_keys_owner"), "api_keys", ["owner"])

    op.create_table(
        "uploads",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["owner"], ["owners.name"], name=op.f("fk_uploads_owner_owners")),
        sa.ForeignKeyConstraint(["sha256"], ["blobs.sha256"], name=op.f("fk_uploads_sha256_blobs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
    )
    op.create_index("ix_uploads_owner", "uploads", ["owner", "created_at"])
    op.create_index(op.f("ix_uploads_sha256"), "uploads", ["sha256"])
    op.create_index(op.f("ix_uploads_expires_at"), "uploads", ["expires_at"])

    # Never in a batch where other tables point at this one: on SQLite that would drop the old table,
    # and foreign keys would refuse it or take the dependants with it. A column that may not be null
    # needs a default there, which no row keeps.
    op.add_column(
        "blobs",
        sa.Column("touched_at", TIME, nullable=False, server_default="1970-01-01 00:00:00+00"),
    )
    op.execute("UPDATE blobs SET touched_at = created_at")
    op.create_index(op.f("ix_blobs_touched_at"), "blobs", ["touched_at"])

    with op.batch_alter_table("styles") as styles:
        styles.add_column(sa.Column("owner", sa.String(length=64), nullable=True))
        styles.create_foreign_key(op.f("fk_styles_owner_owners"), "owners", ["owner"], ["name"])
        styles.create_index(op.f("ix_styles_owner"), ["owner"])
        styles.create_index(op.f("ix_styles_sha256"), ["sha256"])

    op.add_column("jobs", sa.Column("expires_at", TIME, nullable=True))
    op.create_index(op.f("ix_jobs_expires_at"), "jobs", ["expires_at"])
    op.create_index(op.f("ix_job_files_sha256"), "job_files", ["sha256"])


def downgrade() -> None:
    op.drop_index(op.f("ix_job_files_sha256"), table_name="job_files")
    op.drop_index(op.f("ix_jobs_expires_at"), table_name="jobs")
    op.drop_column("jobs", "expires_at")

    with op.batch_alter_table("styles") as styles:
        styles.drop_index(op.f("ix_styles_sha256"))
        styles.drop_index(op.f("ix_styles_owner"))
        styles.drop_constraint(op.f("fk_styles_owner_owners"), type_="foreignkey")
        styles.drop_column("owner")
    op.drop_index(op.f("ix_blobs_touched_at"), table_name="blobs")
    op.drop_column("blobs", "touched_at")

    op.drop_table("uploads")
    op.drop_table("api_keys")
