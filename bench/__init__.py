"""Benchmarks of the service and of networks, and studies of trainings.

Imports the other packages; no package imports this one.
"""
