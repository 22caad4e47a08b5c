"""The job queue: state machine, claims, leases, outbox, broker, positions, workers."""
