"""Validates a request for a job completely, before anything is stored."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from imaging.metadata import picture_format
from jobs.blobs.staging import StagedFiles
from jobs.blobs.storage import sha256_of
from jobs.errors import InvalidParamsError
from jobs.media.decode_caller import current_caller
from jobs.media.decoded_photos import StagedPhoto
from jobs.media.limits import DecodeLimits
from jobs.media.pictures import CheckedFile, StoredPicture, Upload
from jobs.media.sandbox import check_video, submit_picture_check
from jobs.params.handling import Handling
from jobs.params.inputs import NETWORK_ROLE, InputCatalog, NetworkInput, find_input_sources
from jobs.params.kinds import KINDS, parse_params, validate_params
from jobs.params.stylize import StylizeParams
from jobs.submission.request import JobRequest, SubmitRequest
from jobs.webhooks.webhook import Webhook
from params.tuned_networks import AUTO, UNTUNED


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A validated request, ready to become a job."""

    kind: str
    params: dict[str, Any]
    #: Uploaded pictures by their file field.
    files: dict[str, CheckedFile]
    #: `(role, SHA-256)` of every input, in order.
    inputs: list[tuple[str, str]]
    handling: Handling
    owner: str
    idempotency_key: str | None
    #: The SHA-256 of the whole request.
    request_hash: str
    #: The id of the job, if the client chose one.
    job_id: str | None = None
    retried_from: str | None = None
    request_id: str | None = None
    webhook: Webhook | None = None

    @property
    def queue(self) -> str:
        """The queue of the job's kind."""
        return KINDS[self.kind].queue


def validate_submission(
    request: JobRequest,
    *,
    owner: str,
    catalog: InputCatalog,
    limits: DecodeLimits,
    webhook: Webhook | None,
    staged: StagedFiles,
) -> Submission:
    """Validate fields and pictures. `catalog` finds named styles, networks and datasets.

    Uploaded files are staged while they are checked. Raises `InvalidParamsError`, or an error of
    `check_picture`.
    """
    common = validate_fields(request, owner=owner, webhook=webhook)
    kind, uploads, style_id = request.kind, request.files, request.style_id
    if KINDS[kind].content == "video" and isinstance(uploads.get("content"), StoredPicture):
        raise InvalidParamsError([("content", "An upload is a picture; send the video as a form.")])
    network = find_network(common.params, catalog)
    # Checked first, so that no picture is decoded in vain.
    find_input_sources(kind, common.params, style_id, uploads, network)
    for name in ("dataset_id", "style_dataset_id"):
        if common.params.get(name) is not None:
            catalog.dataset(name, common.params[name])
    # All checks start before the first is waited for, so that they run in parallel.
    started = {
        field: _start_check(common, field, upload, limits, staged)
        for field, upload in uploads.items()
        if isinstance(upload, Upload)
    }
    for upload in uploads.values():
        if isinstance(upload, Upload):
            staged.expect(upload.data)
    stored = {field: upload for field, upload in uploads.items() if isinstance(upload, StoredPicture)}
    pictures = stored | {field: finish() for field, finish in started.items()}
    digests = sorted((field, picture.sha256) for field, picture in pictures.items())
    params, inputs = resolve_inputs(kind, common.params, style_id, pictures, catalog, network)
    return replace(
        common,
        params=params,
        files={field: file for field, file in pictures.items() if isinstance(file, CheckedFile)},
        inputs=inputs,
        request_hash=hash_request([common.request_hash, style_id, digests]),
        job_id=request.job_id,
    )


def find_network(params: dict[str, Any], catalog: InputCatalog) -> NetworkInput | None:
    """The network that parameters name; None for one that takes any style, and for "auto".

    Raises `InvalidParamsError`.
    """
    name = params.get("network")
    return None if name in (None, AUTO) else catalog.network(str(name))


def resolve_inputs(
    kind: str,
    params: dict[str, Any],
    style_id: str | None,
    pictures: Mapping[str, CheckedFile | StoredPicture],
    catalog: InputCatalog,
    network: NetworkInput | None = None,
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The parameters of a job with its network's name, and `(role, SHA-256)` of every input.

    The network "auto" becomes the one that is tuned to the style, or slim. Raises `InvalidParamsError`.
    """
    inputs = [
        (
            source.role,
            catalog.style(source.style_id or "")
            if source.file is None
            else pictures[source.file].sha256,
        )
        for source in find_input_sources(kind, params, style_id, pictures, network)
    ]
    if params.get("network") == AUTO:
        network = _tuned_network(dict(inputs), catalog)
        params = params | {"network": UNTUNED if network is None else network.name}
    if network is not None and network.sha256 is not None:
        inputs.insert(0, (NETWORK_ROLE, network.sha256))
    return params, inputs


def _tuned_network(inputs: Mapping[str, str], catalog: InputCatalog) -> NetworkInput | None:
    """The network tuned to the one style among `inputs`; None for a mix, or regions with styles."""
    styles = [role for role in inputs if "style" in role]
    return catalog.tuned(inputs["style"]) if styles == ["style"] else None


def validate_fields(request: SubmitRequest, *, owner: str, webhook: Webhook | None) -> Submission:
    """A submission without pictures. Raises `InvalidParamsError`."""
    params = validate_params(request.kind, request.params)
    check_idempotency_key(request.idempotency_key)
    handling = request.handling
    hashed: list[Any] = [
        *(request.kind, params),
        *(handling.priority, handling.cancel_after, handling.use_cache),
    ]
    if webhook is not None:
        hashed.append([webhook.url, webhook.events])
    if handling.expires_in is not None:
        hashed.append({"expires_in": handling.expires_in})
    return Submission(
        kind=request.kind,
        params=params,
        files={},
        inputs=[],
        handling=handling,
        owner=owner,
        idempotency_key=request.idempotency_key,
        request_hash=hash_request(hashed),
        request_id=request.request_id,
        webhook=webhook,
    )


def check_idempotency_key(key: str | None) -> None:
    """Raise `InvalidParamsError` for a key of a wrong length."""
    if key is not None and not 1 <= len(key) <= 200:
        raise InvalidParamsError([("Idempotency-Key", "A key has 1 to 200 characters.")])


def hash_request(request: Any) -> str:
    """The SHA-256 of a request. It must be equal for requests with one idempotency key or id."""
    return sha256_of(json.dumps(request, sort_keys=True).encode())


def _start_check(
    submission: Submission, field: str, upload: Upload, limits: DecodeLimits, staged: StagedFiles
) -> Callable[[], CheckedFile]:
    kind, photo = submission.kind, None
    if KINDS[kind].content == "video" and field == "content":
        return lambda: _check_video(upload, limits, staged)
    if kind == "stylize" and field == "content":
        params: StylizeParams = parse_params(kind, submission.params)
        photo = staged.photo(params.longest_side)
    return start_picture_check(upload, limits, staged.sha256, photo)


def _check_video(upload: Upload, limits: DecodeLimits, staged: StagedFiles) -> CheckedFile:
    info = check_video(upload.data, limits, name=upload.name, pointer=upload.field)
    return CheckedFile(data=upload.data, sha256=staged.sha256(upload.data), info=info)


def start_picture_check(
    upload: Upload,
    limits: DecodeLimits,
    digest: Callable[[bytes], str] = sha256_of,
    photo: StagedPhoto | None = None,
) -> Callable[[], CheckedFile]:
    """Start the check of a picture; the result waits for it, and raises as `check_picture`.

    The result also raises `PictureTooLargeError` if the request has too many converted pictures.
    `digest` gives the SHA-256 of bytes. `photo` receives the pixels for a worker.
    """
    finish_picture = submit_picture_check(
        upload.data, limits, name=upload.name, pointer=upload.field, photo=photo
    )

    def finish() -> CheckedFile:
        picture = finish_picture()
        caller = current_caller.get()
        # Other files than these were converted; of these, at most metadata was removed.
        if caller is not None and picture_format(upload.data) is None:
            caller.count_converted(len(picture.data), upload.field)
        sha256 = digest(picture.data)
        return CheckedFile(data=picture.data, sha256=sha256, info=picture.info, photo=photo)

    return finish
