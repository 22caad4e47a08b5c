from __future__ import annotations

import pytest
from sqlalchemy import text

from jobs.db.engine import IDLE_IN_TRANSACTION_SECONDS, make_engine


@pytest.mark.integration
def test_postgresql_ends_transactions_of_frozen_clients(postgres_url: str) -> None:
    engine = make_engine(postgres_url)
    with engine.connect() as connection:
        shown = connection.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one()
    engine.dispose()

    assert shown == f"{IDLE_IN_TRANSACTION_SECONDS}s"
