"""SQLAlchemy models, one file per group of tables."""
