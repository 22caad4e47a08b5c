"""The peer: a typical image service, with a Flask view, a Celery task and results in Redis."""
