"""Headers that tell a browser what an answer may do. Most may do nothing at all."""

from __future__ import annotations

from flask import Response, request

#: For pages: their own scripts, styles and pictures, nothing from elsewhere and nothing in line.
PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
#: For data and downloads: were one ever shown as a page, it could neither run nor load anything.
DATA = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"


def secure(response: Response) -> Response:
    """Add what the view did not say itself."""
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
    # What one caller was told is nobody else's, and no cache may keep it.
    headers.setdefault("Cache-Control", "no-store")
    return response


def _is_page(response: Response) -> bool:
    return response.mimetype == "text/html"
