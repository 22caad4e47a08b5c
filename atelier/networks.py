"""The part of the client that is about trained networks."""

from __future__ import annotations

import uuid
from pathlib import Path

from atelier.base import Calls
from atelier.forms import texts
from atelier.types import Job, Network
from atelier.upload_progress import Sent


class NetworkCalls(Calls):
    """Let the service train networks, steer it, and have them written for other runtimes."""

    def submit_training(
        self,
        *,
        name: str,
        style: Path | None = None,
        style_id: str | None = None,
        sent: Sent | None = None,
        **params: object,
    ) -> Job:
        """Let the service train the network `name`; `params` are those of the API.

        >>> job = atelier.submit_training(name="mine", style_id="woodcut", max_steps=2, batch_size=1)
        >>> job["kind"], atelier.cancel(job["id"])["kind"]
        ('train', 'train')
        """
        fields = {"kind": "train", **texts({"name": name, "style_id": style_id, **params})}
        files = [("style", style)] if style else []
        return self._post_files(
            Job, "/v1/jobs", fields, files, sent, {"Idempotency-Key": uuid.uuid4().hex}
        )

    def steer_training(self, job_id: str, verb: str) -> Job:
        """Say `pause`, `resume` or `finish` to a training."""
        return self._do(Job, f"/v1/jobs/{job_id}/{verb}")

    def networks(self) -> list[Network]:
        """The networks that were trained or imported, newest first."""
        return self._call.json(dict[str, list[Network]], "GET", "/v1/networks")["items"]

    def submit_export(self, network: str, **params: object) -> Job:
        """Let the service write a network for another runtime; the job's output is the file.

        >>> job = atelier.submit_export("slim", format="torchscript")
        >>> job["kind"], atelier.cancel(job["id"])["kind"]
        ('export', 'export')
        """
        fields = {"kind": "export", "network": network, **texts(params)}
        key = {"Idempotency-Key": uuid.uuid4().hex}
        return self._post_files(Job, "/v1/jobs", fields, [], None, key)
