"""Submission of jobs: validation, quotas, insertion, result cache, retries, batches."""
