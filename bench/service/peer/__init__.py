"""The peer: image service as most are written, a Flask view, a Celery task, and its result in Redis."""
