"""`atelier bench service`: the whole service under load, beside the plain Flask and Celery pattern.

Imports what it measures; nothing imports it.
"""
