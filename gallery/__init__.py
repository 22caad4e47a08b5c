"""The starter gallery: style pictures drawn by programs, each from a fixed seed.

Needs numpy and Pillow only, and imports them when a picture is drawn.
"""
