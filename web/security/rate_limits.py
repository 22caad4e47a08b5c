"""Answers 429 to whoever calls too often, and tells everybody what they have left."""

from __future__ import annotations

import ipaddress

from flask import Flask, Response, current_app, g, request

from jobs.settings import Settings
from web.errors import problem
from web.security.access import ROUTES, Access
from web.security.rate_counter import RateLimiter, Verdict

#: Asked by machines that watch, which must not be told that they ask too often.
_UNLIMITED = frozenset({"static", "docs.asset", "health.healthz", "health.readyz"})


def register(app: Flask, settings: Settings) -> None:
    """Count every call by its key, or by its address where there is none."""
    storage = settings.redis_url or settings.broker
    app.extensions["rates"] = {
        "calls": RateLimiter("calls", settings.rate_limit, storage),
        "submits": RateLimiter("submits", settings.submit_rate_limit, storage),
    }
    app.before_request(_count)
    app.after_request(_tell)


def _count() -> Response | None:
    if not current_app.config["LIMITED"] or request.endpoint in _UNLIMITED:
        return None
    kinds = ["calls"]
    if request.method in {"POST", "PUT"} and ROUTES.get(request.endpoint or "") is Access.SUBMIT:
        kinds.append("submits")
    for kind in kinds:
        limiter: RateLimiter = current_app.extensions["rates"][kind]
        verdict = limiter.hit(_name())
        if verdict is not None:
            g.verdict = verdict
            if not verdict.allowed:
                return _too_many(verdict)
    return None


def _name() -> str:
    known = g.get("caller")
    if known is not None and known.key_id is not None:
        return f"key:{known.key_id}"
    address = request.remote_addr or "unknown"
    try:
        if ipaddress.ip_address(address).version == 6:
            # Whoever has one address of IPv6 has the whole network.
            address = str(ipaddress.ip_network(f"{address}/64", strict=False))
    except ValueError:
        pass
    return f"address:{address}"


def _too_many(verdict: Verdict) -> Response:
    detail = f"Too many requests; the next is taken in about {verdict.reset} s."
    response = problem(429, "rate_limited", detail, retryable=True)
    response.headers["Retry-After"] = str(verdict.reset)
    return response


def _tell(response: Response) -> Response:
    verdict: Verdict | None = g.get("verdict")
    if verdict is not None:
        response.headers["RateLimit-Limit"] = str(verdict.limit)
        response.headers["RateLimit-Remaining"] = str(verdict.remaining)
        response.headers["RateLimit-Reset"] = str(verdict.reset)
    return response
