"""Still pictures for every reader: metadata removal, colour management, decoding.

Needs Pillow and pi-heif.

`jobs` (upload check, thumbnails) and `nst_core` (rendering, training) both import this package, so that
a file is accepted by both or by neither, and looks the same in both.
"""
