"""Rendering: engines, request plans, tiles, regions, strokes, composition."""
