"""Inputs that owners keep: styles, uploads, trained networks, datasets of photos."""
