"""Parser of form bodies that refuses a broken form, and accepts file names in any encoding."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from io import BytesIO
from typing import IO, Any, cast
from urllib.parse import parse_qsl

from flask import Request
from werkzeug.datastructures import FileStorage, Headers
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from jobs.errors import InvalidRequestError

#: Bytes that are read at once. gunicorn reads this much ahead, and copies what is left at each read.
_READ = 1024 * 1024
#: Bytes that are parsed at once. The decoder holds no more than `MAX_FORM_MEMORY_SIZE` (0.5 MB).
_CHUNK = 64 * 1024
#: Largest urlencoded body in bytes. Parsed, a body such as `a&a&…` takes 44 times its size.
MAX_URLENCODED_BYTES = 64_000
#: Words of Werkzeug's errors → the reason for users.
_REASONS = {
    "Missing boundary": "its Content-Type names no boundary",
    "cannot parse beyond": "it ends before its last boundary",
    "Content-Disposition": "a part has no Content-Disposition",
}


class StrictFormDataParser(FormDataParser):
    """Raises `InvalidRequestError` for a form that can't be read; Werkzeug returns an empty one."""

    def parse(
        self,
        stream: IO[bytes],
        mimetype: str,
        content_length: int | None,
        options: dict[str, str] | None = None,
    ) -> Any:
        """Parse a body; see `werkzeug.formparser.FormDataParser`."""
        self.silent = content_length == 0
        try:
            return super().parse(stream, mimetype, content_length, options)
        except ValueError as error:
            known = (reason for words, reason in _REASONS.items() if words in str(error))
            reason = next(known, f"it is no valid {mimetype}")
            raise InvalidRequestError(f"The form can't be read: {reason}.") from None

    def _parse_urlencoded(
        self, stream: IO[bytes], mimetype: str, content_length: int | None, options: dict[str, str]
    ) -> Any:
        """Parse an urlencoded body within bounds of bytes and fields; Werkzeug's own has none."""
        body = b""
        while len(body) <= MAX_URLENCODED_BYTES and (chunk := stream.read(_CHUNK)):
            body += chunk
        if len(body) > MAX_URLENCODED_BYTES or body.count(b"&") >= (self.max_form_parts or 1000):
            raise RequestEntityTooLarge()
        items = parse_qsl(body.decode(), keep_blank_values=True, errors="werkzeug.url_quote")
        return stream, self.cls(items), self.cls()

    def _parse_multipart(
        self, stream: IO[bytes], mimetype: str, content_length: int | None, options: dict[str, str]
    ) -> Any:
        """Parse a multipart body, as Werkzeug's own method, but with `_Decoder`."""
        boundary = options.get("boundary", "").encode("ascii", "replace")
        if not boundary:
            raise ValueError("Missing boundary")
        decoder = _Decoder(boundary, self.max_form_memory_size, max_parts=self.max_form_parts)
        fields: list[tuple[str, str]] = []
        files: list[tuple[str, FileStorage]] = []
        # Large parts are temporary files, which are closed here if the form is refused.
        with ExitStack() as opened:
            for part, content in self._parts(decoder, stream, content_length, opened):
                content.seek(0)
                if isinstance(part, Field):
                    fields.append((part.name, content.read().decode("utf-8", "replace")))
                    content.close()
                else:
                    file = FileStorage(content, part.filename, part.name, headers=part.headers)
                    files.append((part.name, file))
            opened.pop_all()
        return stream, self.cls(fields), self.cls(files)

    def _parts(
        self,
        decoder: MultipartDecoder,
        stream: IO[bytes],
        content_length: int | None,
        opened: ExitStack,
    ) -> Iterator[tuple[Field | File, IO[bytes]]]:
        """The parts of a body, each with its whole content; contents are opened in `opened`."""
        part: Field | File | None = None
        size, content = 0, cast("IO[bytes]", BytesIO())
        for chunk in _chunks(stream):
            decoder.receive_data(chunk)
            event = decoder.next_event()
            while not isinstance(event, Epilogue | NeedData):
                if isinstance(event, Field | File):
                    part, size = event, 0
                    content = opened.enter_context(
                        closing(self.stream_factory(content_length, None, None, None))
                    )
                elif isinstance(event, Data) and part is not None:
                    size += len(event.data)
                    limit = self.max_form_memory_size
                    if isinstance(part, Field) and limit is not None and size > limit:
                        raise RequestEntityTooLarge()
                    content.write(event.data)
                    if not event.more_data:
                        yield part, content
                event = decoder.next_event()


def _chunks(stream: IO[bytes]) -> Iterator[bytes | None]:
    """The body in pieces of at most `_CHUNK` bytes, and None at its end."""
    while read := stream.read(_READ):
        for start in range(0, len(read), _CHUNK):
            yield read[start : start + _CHUNK]
    yield None


class _Decoder(MultipartDecoder):
    """Reads headers that are not UTF-8: old programs send names in the system's encoding."""

    def _parse_headers(self, data: bytes | bytearray) -> Headers:
        return super()._parse_headers(bytes(data).decode("utf-8", "replace").encode())


class FormRequest(Request):
    """A request that keeps uploaded files in memory, where each of them is read anyway.

    `MAX_CONTENT_LENGTH` bounds their size; temporary files would be written and read for nothing. A
    form that can't be read raises `InvalidRequestError`.
    """

    form_data_parser_class = StrictFormDataParser

    def _get_file_stream(self, *args: Any, **kwargs: Any) -> BytesIO:
        return BytesIO()
