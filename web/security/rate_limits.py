"""Rate limiting of requests: 429 above the limit, and headers with the calls that are left."""

from __future__ import annotations

import ipaddress

from flask import Flask, Response, current_app, g, request

from jobs.settings import Settings
from web.errors import problem
from web.security.access import ROUTES, Access
from web.security.rate_counter import RateLimiter, RateState

#: Endpoints without a limit: static files, and health checks that monitoring polls.
_UNLIMITED = frozenset({"static", "docs.asset", "health.healthz", "health.readyz"})


def register(app: Flask, settings: Settings) -> None:
    """Register the hooks that count every call by its API key, or without one by its IP address."""
    storage = settings.redis_url or settings.broker
    app.extensions["rates"] = {
        "calls": RateLimiter("calls", settings.rate_limit, storage),
        "submits": RateLimiter("submits", settings.submit_rate_limit, storage),
    }
    app.before_request(_count)
    app.after_request(_add_headers)


def _count() -> Response | None:
    if not current_app.config["LIMITED"] or request.endpoint in _UNLIMITED:
        return None
    kinds = ["calls"]
    if request.method in {"POST", "PUT"} and ROUTES.get(request.endpoint or "") is Access.SUBMIT:
        kinds.append("submits")
    for kind in kinds:
        limiter: RateLimiter = current_app.extensions["rates"][kind]
        rate_state = limiter.hit(_caller_name())
        if rate_state is not None:
            g.rate_state = rate_state
            if not rate_state.allowed:
                return _too_many(rate_state)
    return None


def _caller_name() -> str:
    caller = g.get("caller")
    if caller is not None and caller.key_id is not None:
        return f"key:{caller.key_id}"
    address = request.remote_addr or "unknown"
    try:
        if ipaddress.ip_address(address).version == 6:
            # A subscriber gets a whole /64 network of IPv6 addresses.
            address = str(ipaddress.ip_network(f"{address}/64", strict=False))
    except ValueError:
        pass
    return f"address:{address}"


def _too_many(rate_state: RateState) -> Response:
    detail = f"Too many requests; try again in about {rate_state.reset} s."
    response = problem(429, "rate_limited", detail, retryable=True)
    response.headers["Retry-After"] = str(rate_state.reset)
    return response


def _add_headers(response: Response) -> Response:
    rate_state: RateState | None = g.get("rate_state")
    if rate_state is not None:
        response.headers["RateLimit-Limit"] = str(rate_state.limit)
        response.headers["RateLimit-Remaining"] = str(rate_state.remaining)
        response.headers["RateLimit-Reset"] = str(rate_state.reset)
    return response
