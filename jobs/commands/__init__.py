"""Subcommands of `atelier` that run the service or talk to it."""
