"""Maintenance, retention, backup and restore, metrics."""
