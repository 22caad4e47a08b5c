"""Benchmarks of the service: submits, polls, jobs, capacity."""
