"""Webhooks: validation, deliveries, signatures, SSRF-safe HTTP."""
