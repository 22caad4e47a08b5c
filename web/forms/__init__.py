"""Parsing of requests: multipart forms, JSON bodies, field values."""
