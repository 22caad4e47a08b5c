"""The database: engine, sessions, models, migrations, upserts, counters."""
