"""Webhooks: validation, signing, delivery, SSRF-safe HTTP."""
