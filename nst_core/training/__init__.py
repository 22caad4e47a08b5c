"""Training of networks: data, checkpoints, pre-flight checks, health checks, events."""
