"""The starter gallery: style pictures drawn by programs of ours, each from a fixed seed.

Only numpy and Pillow are needed, and neither is imported before a picture is asked for.
"""
