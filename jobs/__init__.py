"""What a job is: settings, models, state machine, storage, queue, use cases and the command line.

`web` and `worker` both import this package; it imports neither, and never torch or flask.
"""
