"""An index of the queued jobs alone, with all that claims and places ask of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

COLUMNS = [
    "queue",
    "priority",
    "owner",
    "created_at",
    "id",
    "run_at",
    "paused_at",
    "cancel_at",
    "status",
]
QUEUED = sa.text("status = 'queued'")


def upgrade() -> None:
    op.create_index("ix_jobs_queued", "jobs", COLUMNS, postgresql_where=QUEUED, sqlite_where=QUEUED)
    op.drop_index("ix_jobs_claim", table_name="jobs")


def downgrade() -> None:
    op.create_index("ix_jobs_claim", "jobs", ["queue", "status", "priority", "created_at"])
    op.drop_index("ix_jobs_queued", table_name="jobs")
