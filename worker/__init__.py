"""Claims jobs, runs them, reports progress and stores what they made.

Importing this package must not import torch: Celery forks its pool from a parent that has never
touched CUDA. Only the child imports it, when it starts.
"""
