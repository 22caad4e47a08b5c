"""Owners' API keys, quotas, expiry, and the check that an exposed server has keys."""
