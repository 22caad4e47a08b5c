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
#: Policy of the worker scripts of the page `/live`, the only scripts that may compile WebAssembly: the
#: runtime of the network. A worker has the policy of its own script, not that of the page.
WORKER = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_WORKER_PATHS = ("/static/live/", "/live/runtime/")


def secure(response: Response) -> Response:
    """Add the security headers that the view did not set."""
    headers = response.headers
    in_worker = request.path.startswith(_WORKER_PATHS)
    policy = PAGE if _is_page(response) else WORKER if in_worker else DATA
    headers.setdefault("Content-Security-Policy", policy)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    is_live = request.endpoint == "pages.live"
    camera = "camera=(self)" if is_live else "camera=()"
    headers.setdefault("Permissions-Policy", f"{camera}, geolocation=(), microphone=(), payment=()")
    if is_live or in_worker:
        # With the opener policy, the page may share memory between threads, which WebAssembly uses.
        headers.setdefault("Cross-Origin-Embedder-Policy", "require-corp")
    if request.is_secure:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    # An answer is for its caller only: no cache may store it.
    headers.setdefault("Cache-Control", "no-store")
    if "private" in headers["Cache-Control"]:
        response.vary.update(("Cookie", "Authorization"))
    return response


def _is_page(response: Response) -> bool:
    return response.mimetype == "text/html"
