"""Benchmarks and studies of networks: rendering, training, contact sheets."""
