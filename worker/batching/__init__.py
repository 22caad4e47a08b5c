"""Batching of stylize jobs into shared forward passes."""
