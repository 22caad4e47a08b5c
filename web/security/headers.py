"""Security headers: content security policy, framing, referrer, caching."""

from __future__ import annotations

from flask import Response, request

#: Policy of pages: scripts, styles and pictures of this server only, nothing inline.
PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
#: Policy of data and downloads: shown as a page, they could neither run nor load anything.
DATA = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"


def secure(response: Response) -> Response:
    """Add the security headers that the view did not set."""
    headers = response.headers
    headers.setdefault("Content-Security-Policy", PAGE if _is_page(response) else DATA)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
    if request.is_secure:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    # An answer is for its caller only: no cache may store it.
    headers.setdefault("Cache-Control", "no-store")
    if "private" in headers["Cache-Control"]:
        response.vary.update(("Cookie", "Authorization"))
    return response


def _is_page(response: Response) -> bool:
    return response.mimetype == "text/html"
