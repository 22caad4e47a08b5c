"""The job service: settings, models, state machine, blob storage, queue, use cases, command line.

`web` and `worker` both import this package; it imports neither, and never torch or flask.
"""
