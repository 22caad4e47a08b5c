"""Reading of uploaded pictures and videos: sandboxed decoding, limits, metadata, thumbnails."""
