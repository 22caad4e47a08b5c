"""Celery workers: claim jobs, run them, report progress and store the outputs.

Importing this package must not import torch: Celery forks its pool from a parent process that must not
have used CUDA. Only the child process imports torch, when it starts.
"""
