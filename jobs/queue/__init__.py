"""The queue: states, claims, leases, the outbox, the broker, positions, workers."""
