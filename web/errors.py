"""Errors as `application/problem+json` (RFC 9457), and the table from exceptions to HTTP statuses."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, jsonify, request
from gunicorn.http.errors import ParseException
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException, SecurityError

from jobs import errors
from jobs.db.transactions import is_deadlock

log = logging.getLogger(__name__)

STATUSES: dict[type[errors.JobsError], int] = {
    errors.InvalidRequestError: 400,
    errors.InvalidParamsError: 422,
    errors.UnsupportedPictureError: 415,
    errors.UnusablePictureError: 422,
    errors.PictureTooLargeError: 413,
    errors.NotFoundError: 404,
    errors.NotReadyError: 409,
    errors.ConflictError: 409,
    errors.OverLimitError: 429,
    errors.QueueFullError: 503,
    errors.BusyError: 503,
    errors.StorageError: 503,
    errors.TimedOutError: 504,
}


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    retryable: bool = False,
    retry_after: int = 2,
    **members: Any,
) -> Response:
    """A problem document. `detail` is one line for people, `code` is for programs."""
    body = {
        "type": f"urn:atelier:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": request.path,
        "code": code,
        "retryable": retryable,
        **members,
    }
    response = jsonify(body)
    response.status_code = status
    response.mimetype = "application/problem+json"
    if retryable:
        response.headers["Retry-After"] = str(retry_after)
    return response


def register(app: Flask) -> None:
    """Register handlers that answer every exception with a problem document."""
    app.register_error_handler(errors.JobsError, _jobs_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(DBAPIError, _database_error)
    app.register_error_handler(PoolTimeoutError, _database_error)
    app.register_error_handler(ParseException, _broken_body)
    app.register_error_handler(Exception, _unexpected)


def _jobs_error(error: errors.JobsError) -> Response:
    if isinstance(error, errors.StorageError):
        log.error("%s (%s)", error.detail, error.__cause__)
    status = next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), 500)
    members: dict[str, Any] = {}
    if isinstance(error, errors.InvalidParamsError):
        members["errors"] = [{"pointer": pointer, "detail": detail} for pointer, detail in error.errors]
    elif error.pointer:
        members["errors"] = [{"pointer": error.pointer, "detail": error.detail}]
    return problem(
        status,
        error.code,
        error.detail,
        retryable=error.retryable,
        retry_after=error.retry_after,
        **members,
    )


_HTTP_DETAILS = {
    404: "No resource has this address.",
    405: "This address does not accept that method.",
    413: "The request is too large.",
}


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    if isinstance(error, SecurityError):
        return problem(
            400,
            "unknown_host",
            "This server has another host name; the operator can allow this one in TRUSTED_HOSTS.",
        )
    detail = _HTTP_DETAILS.get(status) or error.description or HTTPStatus(status).phrase
    response = problem(status, HTTPStatus(status).phrase.lower().replace(" ", "_"), detail)
    for name, value in error.get_headers():
        if name == "Allow":
            response.headers[name] = value
    return response


def _database_error(error: Exception) -> Response:
    if isinstance(error, DBAPIError) and is_deadlock(error):
        log.warning("a transaction met others on the same rows: %s", error)
        return problem(
            503,
            "conflicting_requests",
            "Several requests met on the same jobs; try again.",
            retryable=True,
        )
    log.error("the database failed: %s", error)
    return problem(
        503,
        "database_unavailable",
        "The database can't be reached; try again in a moment.",
        retryable=True,
    )


def _broken_body(error: ParseException) -> Response:
    """Gunicorn finds broken chunks when the application reads the body."""
    return problem(400, "invalid_request", "The body of the request is not sent as HTTP asks for.")


def _unexpected(error: Exception) -> Response:
    log.exception("unexpected error", exc_info=error)
    return problem(500, "internal", "An internal error occurred; it has been logged.")
