"""trainings, datasets and networks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    _create_datasets()
    with op.batch_alter_table("jobs") as jobs:
        jobs.add_column(sa.Column("paused_at", TIME, nullable=True))
        jobs.add_column(sa.Column("finish_requested_at", TIME, nullable=True))
        jobs.add_column(sa.Column("checkpoint_step", sa.Integer(), nullable=True))
        jobs.add_column(sa.Column("forgiven", sa.Integer(), server_default="0", nullable=False))
        jobs.add_column(sa.Column("dataset_id", sa.String(length=64), nullable=True))
        jobs.create_foreign_key(
            op.f("fk_jobs_dataset_id_datasets"), "datasets", ["dataset_id"], ["id"], ondelete="SET NULL"
        )
    given = sa.text("dataset_id IS NOT NULL")
    op.create_index(
        "ix_jobs_dataset", "jobs", ["dataset_id"], postgresql_where=given, sqlite_where=given
    )
    _create_networks()


def _create_datasets() -> None:
    op.create_table(
        "datasets",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=True),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("folder", sa.String(length=1000), nullable=True),
        sa.Column("image_count", sa.Integer(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["owner"], ["owners.name"], name=op.f("fk_datasets_owner_owners")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_datasets")),
    )
    op.create_index(op.f("ix_datasets_owner"), "datasets", ["owner"], unique=False)
    op.create_table(
        "dataset_images",
        sa.Column("dataset_id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"],
            ["datasets.id"],
            name=op.f("fk_dataset_images_dataset_id_datasets"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["sha256"], ["blobs.sha256"], name=op.f("fk_dataset_images_sha256_blobs")
        ),
        sa.PrimaryKeyConstraint("dataset_id", "position", name=op.f("pk_dataset_images")),
    )
    op.create_index(op.f("ix_dataset_images_sha256"), "dataset_images", ["sha256"], unique=False)


def _create_networks() -> None:
    op.create_table(
        "training_losses",
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("step", sa.Integer(), autoincrement=False, nullable=False),
        *(sa.Column(name, sa.Double(), nullable=True) for name in ("content", "style", "tv", "total")),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_training_losses_job_id_jobs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "step", name=op.f("pk_training_losses")),
    )
    blobs = ("sha256", "style_sha256", "sample_sha256")
    op.create_table(
        "networks",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("architecture", sa.String(length=64), nullable=False),
        sa.Column("styled", sa.Boolean(), nullable=False),
        *(sa.Column(name, sa.String(length=64), nullable=name != "sha256") for name in blobs),
        sa.Column("job_id", sa.String(length=36), nullable=True),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["owner"], ["owners.name"], name=op.f("fk_networks_owner_owners")),
        *(
            sa.ForeignKeyConstraint([name], ["blobs.sha256"], name=op.f(f"fk_networks_{name}_blobs"))
            for name in blobs
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_networks_job_id_jobs"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_networks")),
        sa.UniqueConstraint("owner", "name", "version", name="uq_networks_owner_name_version"),
    )
    op.create_index("ix_networks_listing", "networks", ["owner", "created_at"], unique=False)
    for name in (*blobs, "job_id"):
        op.create_index(op.f(f"ix_networks_{name}"), "networks", [name], unique=False)


def downgrade() -> None:
    op.drop_table("networks")
    op.drop_table("training_losses")
    op.drop_index("ix_jobs_dataset", table_name="jobs")
    with op.batch_alter_table("jobs") as jobs:
        jobs.drop_constraint(op.f("fk_jobs_dataset_id_datasets"), type_="foreignkey")
        for name in ("dataset_id", "forgiven", "checkpoint_step", "finish_requested_at", "paused_at"):
            jobs.drop_column(name)
    op.drop_table("dataset_images")
    op.drop_table("datasets")
