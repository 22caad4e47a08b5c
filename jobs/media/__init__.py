"""Checks of uploaded pictures and videos: sandboxed decoding, limits, metadata removal, thumbnails."""
