"""Pictures that a request names by an `https` URL, or holds as a `data:` URI."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TypeGuard
from urllib.parse import unquote_to_bytes

from jobs.errors import InvalidParamsError, PictureTooLargeError, UnreachableFileError
from jobs.media.pictures import Upload
from jobs.settings import Settings
from jobs.webhooks.public_http import AddressRefusedError, get, url_problem

#: Most characters of a percent-encoded URI: decoding takes fifty times as much memory.
MAX_PERCENT_ENCODED = 1_000_000
_DATA = re.compile(r"data:(?P<type>[^,;]*)(?P<parameters>(?:;[^,;]*)*),")


def is_remote(value: object) -> TypeGuard[str]:
    """Whether a value of a request is the text of a URL or of a `data:` URI."""
    return isinstance(value, str) and value.startswith(("https://", "http://", "data:"))


def read_remote_file(field: str, text: str, settings: Settings, *, max_bytes: int) -> Upload:
    """The bytes of a URL or `data:` URI, of at most `max_bytes`, not yet decoded or checked.

    A URL is fetched once: from a public address, without redirects. Raises `InvalidParamsError`, or
    `PictureTooLargeError`.
    """
    if text.startswith("data:"):
        data = _decode_data(field, text, max_bytes)
    else:
        data = _fetch(field, text, max_bytes, allow_private=settings.fetch_allow_private)
    if len(data) > max_bytes:
        raise _too_large(field, max_bytes)
    return Upload(data=data, field=field, name=field)


def _too_large(field: str, max_bytes: int) -> PictureTooLargeError:
    detail = f"{field} is larger than {max_bytes // 1_000_000} MB."
    return PictureTooLargeError(detail, pointer=field)


def _decode_data(field: str, text: str, max_bytes: int) -> bytes:
    """The bytes of a `data:` URI (RFC 2397), in base64 or percent-encoded."""
    head = _DATA.match(text)
    if head is None:
        raise InvalidParamsError([(field, "This data URI has no comma before its data.")])
    length = len(text) - head.end()
    if "base64" not in head["parameters"].split(";"):
        if length > MAX_PERCENT_ENCODED:
            raise PictureTooLargeError(f"{field} is too long for a URI without base64.", pointer=field)
        return unquote_to_bytes(text[head.end() :])
    if length * 3 // 4 > max_bytes + 3:  # before it is decoded
        raise _too_large(field, max_bytes)
    try:
        return base64.b64decode(text[head.end() :], validate=True)
    except (binascii.Error, ValueError):
        raise InvalidParamsError([(field, "This data URI is not valid base64.")]) from None


def _fetch(field: str, url: str, max_bytes: int, *, allow_private: bool) -> bytes:
    problem = url_problem(url, allow_private)
    if problem is not None:
        raise InvalidParamsError([(field, problem)])
    try:
        fetched = get(url, max_bytes=max_bytes, allow_private=allow_private)
    except AddressRefusedError as error:
        raise InvalidParamsError([(field, str(error))]) from error
    except Exception as error:  # servers can make a client raise many types
        detail = "The picture can't be fetched from this URL; check it, or upload the file."
        raise UnreachableFileError([(field, detail)]) from error
    if 300 <= fetched.status < 400:
        detail = f"This URL redirects ({fetched.status}), which is not followed; give the final URL."
        raise InvalidParamsError([(field, detail)])
    if fetched.status != 200:
        raise UnreachableFileError([(field, f"This URL answered {fetched.status}, not a picture.")])
    return fetched.body
