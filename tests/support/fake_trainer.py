"""Fake trainer process: speaks the protocol of `nst_core.training.process`, but trains nothing.

Run as `python fake_trainer.py SPEC.json`. Imports the standard library alone, so that it starts in a
moment. Each step takes 10 ms; it resumes from the newest checkpoint file, as the real one does. The
file `crash` beside the specification makes it end like a defect. While there is a file `starting`, it
has not installed its signal handlers yet.
"""

from __future__ import annotations

import base64
import json
import signal
import struct
import sys
import time
from pathlib import Path
from typing import Any

#: A PNG of one pixel.
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
)


def main() -> int:
    spec_path = Path(sys.argv[1])
    spec = json.loads(spec_path.read_text())
    settings, folder = spec["settings"], Path(spec["checkpoint_dir"])
    requests: list[str] = []
    while (spec_path.parent / "starting").exists():
        time.sleep(0.01)
    signal.signal(signal.SIGTERM, lambda *_: requests.append("stop"))
    signal.signal(signal.SIGUSR1, lambda *_: requests.append("finish"))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGUSR1})
    first = step = max(
        [int(path.stem.partition("-")[2]) for path in folder.glob("checkpoint-*.pt")], default=0
    )
    if settings.get("strength") == 13:
        emit("error", step, code="diverged", message="The loss grows instead of falling.")
        return 2
    emit("notice", step, code="style_weight", message="The style weight is 1.")
    while step < settings["max_steps"] and not requests:
        step += 1
        time.sleep(0.01)
        if (spec_path.parent / "crash").exists():
            sys.stderr.write("a defect\n")
            return 1
        losses = {"content": 1.0, "style": 2.0, "tv": 0.0, "total": 3.0}
        rates = {"images_per_second": 100.0, "eta_s": 1.0}
        emit("progress", step, total=settings["max_steps"], losses=losses, **rates)
        if step % (settings["sample_interval"] or 10**9) == 0:
            sample(spec, step)
        if step % (settings["checkpoint_interval"] or 10**9) == 0:
            checkpoint(folder, step)
    path = checkpoint(folder, step)
    if requests[:1] == ["stop"]:
        emit("stopped", step, path=str(path))
        return 75
    sample(spec, step)
    reason = "asked" if requests else "steps"
    emit(
        "finished", step, path=str(network(spec, folder)), reason=reason, figures={"resumed_at": first}
    )
    return 0


def emit(event: str, step: int, **values: Any) -> None:
    print(json.dumps({"event": event, "step": step, **values}), flush=True)


def checkpoint(folder: Path, step: int) -> Path:
    path = folder / f"checkpoint-{step:08d}.pt"
    path.write_text(f"state of step {step}")
    emit("checkpoint", step, path=str(path), best=True)
    return path


def sample(spec: dict[str, Any], step: int) -> None:
    path = Path(spec["samples_dir"]) / f"sample-{step:06d}.png"
    path.write_bytes(PIXEL)
    emit("sample", step, path=str(path))


def network(spec: dict[str, Any], folder: Path) -> Path:
    """A safetensors file with one number, and the specification in the header of the network."""
    architecture = {"johnson": "johnson", "adain": "slim_adain", "tune": "slim_adain"}[spec["kind"]]
    values = {
        "format": "atelier-network/1",
        "architecture": architecture,
        "settings": {},
        "training": spec,
    }
    metadata = {name: json.dumps(value) for name, value in values.items()}
    tensor = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    header = json.dumps({"__metadata__": metadata, "weight": tensor})
    path = folder / "final_model.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header.encode() + bytes(4))
    return path


if __name__ == "__main__":
    sys.exit(main())
