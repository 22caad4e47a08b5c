"""batches, pauses, deadlines, retries and results that are used again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

#: Indexes of the few rows that meet a condition.
PARTIAL = {
    "ix_jobs_batch": (["batch_id", "status"], "batch_id IS NOT NULL"),
    "ix_jobs_retried_from": (["retried_from"], "retried_from IS NOT NULL"),
    "ix_jobs_cancel_at": (["cancel_at"], "cancel_at IS NOT NULL"),
    "ix_jobs_dead": (["owner", "created_at"], "dead"),
}


def upgrade() -> None:
    op.create_table(
        "network_versions",
        sa.Column("network", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=120), nullable=False),
        sa.Column("loaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("network", name=op.f("pk_network_versions")),
    )
    op.create_table(
        "queues",
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_queues")),
    )
    op.create_table(
        "batches",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("idempotency_key", sa.String(length=200), nullable=True),
        sa.Column("request_hash", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["owner"], ["owners.name"], name=op.f("fk_batches_owner_owners")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
        sa.UniqueConstraint("owner", "idempotency_key", name=op.f("uq_batches_owner_idempotency_key")),
    )
    with op.batch_alter_table("outbox") as outbox:
        outbox.add_column(sa.Column("due_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("jobs") as jobs:
        jobs.add_column(sa.Column("cancel_at", sa.DateTime(timezone=True), nullable=True))
        jobs.add_column(sa.Column("cancel_reason", sa.String(length=16), nullable=True))
        jobs.add_column(sa.Column("batch_id", sa.String(length=36), nullable=True))
        jobs.add_column(sa.Column("retried_from", sa.String(length=36), nullable=True))
        jobs.add_column(_flag("dead", sa.false()))
        jobs.add_column(_flag("use_cache", sa.true()))
        jobs.add_column(_flag("cached", sa.false()))
        jobs.add_column(sa.Column("result_key", sa.String(length=64), nullable=True))
        jobs.add_column(sa.Column("network_version", sa.String(length=120), nullable=True))
        jobs.create_foreign_key(
            op.f("fk_jobs_batch_id_batches"), "batches", ["batch_id"], ["id"], ondelete="SET NULL"
        )
        jobs.create_foreign_key(
            op.f("fk_jobs_retried_from_jobs"), "jobs", ["retried_from"], ["id"], ondelete="SET NULL"
        )
    op.create_index("ix_jobs_owner_status", "jobs", ["owner", "status"])
    op.create_index("ix_jobs_finished", "jobs", ["queue", "status", "finished_at"])
    op.create_index("ix_jobs_result", "jobs", ["owner", "result_key"])
    for name, (columns, condition) in PARTIAL.items():
        where = sa.text(condition)
        op.create_index(name, "jobs", columns, postgresql_where=where, sqlite_where=where)


def downgrade() -> None:
    for name in (*PARTIAL, "ix_jobs_result", "ix_jobs_finished", "ix_jobs_owner_status"):
        op.drop_index(name, table_name="jobs")
    with op.batch_alter_table("jobs") as jobs:
        jobs.drop_constraint(op.f("fk_jobs_retried_from_jobs"), type_="foreignkey")
        jobs.drop_constraint(op.f("fk_jobs_batch_id_batches"), type_="foreignkey")
        for column in (
            "network_version",
            "result_key",
            "cached",
            "use_cache",
            "dead",
            "retried_from",
            "batch_id",
            "cancel_reason",
            "cancel_at",
        ):
            jobs.drop_column(column)
    with op.batch_alter_table("outbox") as outbox:
        outbox.drop_column("due_at")
    op.drop_table("batches")
    op.drop_table("queues")
    op.drop_table("network_versions")


def _flag(name: str, default: sa.ColumnElement[bool]) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=default)
