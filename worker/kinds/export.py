"""Jobs of the kind `export`: a network as a file for another runtime, compared with the original."""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.db.models.jobs import Job
from jobs.media.pictures import PictureInfo
from jobs.params.export import ExportParams
from jobs.params.kinds import parse_params
from worker.kinds.inputs import network_key
from worker.result import JobResult, OutputFile

if TYPE_CHECKING:
    from worker.context import WorkerContext
    from worker.lease import Lease

#: Format → suffix and media type of the file. The two files of OpenVINO and the folder of Core ML are
#: sent as one zip archive.
_FILES = {
    "onnx": (".onnx", "application/vnd.atelier.onnx"),
    "openvino": (".xml", "application/zip"),
    "torchscript": (".pt", "application/vnd.atelier.torchscript"),
    "torch-export": (".pt2", "application/vnd.atelier.torch-export"),
    "executorch": (".pte", "application/vnd.atelier.executorch"),
    "coreml": (".mlpackage", "application/zip"),
}


def export(context: WorkerContext, job: Job, lease: Lease) -> JobResult:
    """Export the network and compare the file's outputs with it; the report is in the metrics."""
    from nst_core.export.check_pictures import check_pictures
    from nst_core.export.export import export_network, files_in

    params: ExportParams = parse_params("export", job.params)
    suffix, media_type = _FILES[params.format]
    network = network_key(context, job, params.network)
    steps = 0

    def on_step(step: str) -> None:
        nonlocal steps
        lease.report("write" if steps == 0 else "check", steps, 2)
        steps += 1

    with tempfile.TemporaryDirectory(prefix="atelier-export-") as folder:
        target = Path(folder) / f"{params.network.replace('@', '-v')}{suffix}"
        report = export_network(
            context.engines.file(network),
            params.format,
            target,
            check_pictures(),
            precision=params.precision,
            on_step=on_step,
        )
        lease.check()
        files = files_in(Path(folder))
        data = files[0].read_bytes() if len(files) == 1 else _zipped(files, Path(folder))
    info = PictureInfo(media_type=media_type, width=None, height=None)
    public = {name: value for name, value in report.as_dict().items() if name != "path"}
    return JobResult(
        outputs=[OutputFile(role="export", data=data, info=info)],
        network_version=context.engines.version(network),
        metrics={"report": public},
    )


def _zipped(files: list[Path], folder: Path) -> bytes:
    """An uncompressed zip archive, because weights hardly shrink. Deterministic bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file in files:
            name = file.relative_to(folder).as_posix()
            archive.writestr(zipfile.ZipInfo(name), file.read_bytes())
    return buffer.getvalue()
