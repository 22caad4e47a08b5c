"""gzip compression of pages, scripts and style sheets.

Answers of the API are left as they are: most are small, pictures are compressed already, and a
compressed answer that mixes a secret with input of the caller can leak the secret by its length
(the attack BREACH).
"""

from __future__ import annotations

import gzip
from functools import lru_cache

from flask import Response, request

_TYPES = frozenset({"text/html", "text/css", "text/javascript", "image/svg+xml"})
#: Smaller answers fit into one packet anyway.
_MIN_BYTES = 1_000


def compress(response: Response) -> Response:
    """Compress the answer where the browser accepts gzip; an ETag becomes a weak one."""
    is_packed = "Content-Encoding" in response.headers
    if response.status_code != 200 or is_packed or response.mimetype not in _TYPES:
        return response
    response.vary.add("Accept-Encoding")
    if request.method != "GET" or not request.accept_encodings["gzip"]:
        return response
    response.direct_passthrough = False
    data = response.get_data()
    if len(data) >= _MIN_BYTES:
        response.set_data(_gzip(data))
        response.headers["Content-Encoding"] = "gzip"
        etag, _ = response.get_etag()
        if etag is not None:
            response.set_etag(etag, weak=True)
    return response


@lru_cache(maxsize=128)
def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, compresslevel=6, mtime=0)
