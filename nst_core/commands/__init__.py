"""Subcommands of `atelier` that need no service. Each imports PyTorch only when it runs."""
