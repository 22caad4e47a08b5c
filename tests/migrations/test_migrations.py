from __future__ import annotations

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from jobs.db import make_engine
from jobs.models import Base
from jobs.schema import alembic_config, upgrade


def test_up_matches_the_models_and_down_leaves_nothing(database_url: str) -> None:
    upgrade(database_url)
    upgrade(database_url)  # twice is once

    engine = make_engine(database_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []

    command.downgrade(alembic_config(database_url), "base")
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    engine.dispose()
