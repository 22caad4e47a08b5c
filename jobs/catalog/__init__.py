"""Catalogs of stored inputs: styles, uploads, trained networks, datasets of photographs."""
