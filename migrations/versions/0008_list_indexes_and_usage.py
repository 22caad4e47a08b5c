"""Indexes of filtered and operators' lists, and the stored bytes of owners as a sum."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("owners", sa.Column("stored_bytes", sa.BigInteger(), nullable=True))
    op.add_column("owners", sa.Column("stored_bytes_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_jobs_created", "jobs", ["created_at", "id"])
    op.create_index("ix_jobs_owner_kind", "jobs", ["owner", "kind", "created_at", "id"])
    op.create_index("ix_jobs_owner_status_created", "jobs", ["owner", "status", "created_at", "id"])
    op.drop_index("ix_jobs_owner_status", table_name="jobs")


def downgrade() -> None:
    op.create_index("ix_jobs_owner_status", "jobs", ["owner", "status"])
    op.drop_index("ix_jobs_owner_status_created", table_name="jobs")
    op.drop_index("ix_jobs_owner_kind", table_name="jobs")
    op.drop_index("ix_jobs_created", table_name="jobs")
    op.drop_column("owners", "stored_bytes_at")
    op.drop_column("owners", "stored_bytes")
