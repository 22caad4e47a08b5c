"""Blobs whose bytes are being deleted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "blob_deletions",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_blob_deletions"),
    )
    op.create_index("ix_blob_deletions_started_at", "blob_deletions", ["started_at"])


def downgrade() -> None:
    op.drop_table("blob_deletions")
