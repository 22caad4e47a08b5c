"""webhooks, request ids and counters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

JOB_COLUMNS = (
    ("request_id", sa.String(length=64)),
    ("webhook_url", sa.String(length=2000)),
    ("webhook_events", sa.String(length=80)),
)


def upgrade() -> None:
    for name, type_ in JOB_COLUMNS:
        op.add_column("jobs", sa.Column(name, type_, nullable=True))
    op.add_column("owners", sa.Column("webhook_secret", sa.String(length=120), nullable=True))
    op.create_index("ix_jobs_kind_finished", "jobs", ["kind", "status", "finished_at"], unique=False)

    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("event", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("status_code", sa.Integer(), nullable=True),
        sa.Column("error", sa.String(length=200), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_webhook_deliveries_job_id_jobs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
    )
    op.create_index("ix_webhook_deliveries_due", "webhook_deliveries", ["next_at"], unique=False)
    op.create_index(
        "ix_webhook_deliveries_job", "webhook_deliveries", ["job_id", "created_at"], unique=False
    )

    op.create_table(
        "counters",
        sa.Column("name", sa.String(length=48), nullable=False),
        sa.Column("labels", sa.String(length=120), nullable=False),
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", "labels", "shard", name=op.f("pk_counters")),
    )


def downgrade() -> None:
    op.drop_table("counters")
    op.drop_index("ix_webhook_deliveries_job", table_name="webhook_deliveries")
    op.drop_index("ix_webhook_deliveries_due", table_name="webhook_deliveries")
    op.drop_table("webhook_deliveries")
    op.drop_index("ix_jobs_kind_finished", table_name="jobs")
    op.drop_column("owners", "webhook_secret")
    for name, _ in reversed(JOB_COLUMNS):
        op.drop_column("jobs", name)
