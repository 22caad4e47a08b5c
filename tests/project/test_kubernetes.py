"""deploy/kubernetes: valid for Kubernetes, the processes of the Procfile, settings that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from conftest import unavailable

from jobs.local.processes import HEALTH, procfile
from jobs.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
#: Settings that `boto3` reads, and not ours.
OF_BOTO3 = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
#: Resources by kind and name.
Resources = dict[tuple[str, str], dict[str, Any]]
OVERLAY = """
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [kubernetes/base]
components: [{components}]
"""


def built(folder: Path) -> Resources:
    """The resources of a kustomization, by kind and name."""
    if shutil.which("kubectl") is None:
        unavailable("kubectl", FileNotFoundError("kubectl is not installed"))
    command = ["kubectl", "kustomize", str(folder)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {(each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(text)}


@pytest.fixture(scope="module")
def base() -> Resources:
    return built(FOLDER / "base")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Resources:
    """The base with both components, as an overlay has them."""
    folder = tmp_path_factory.mktemp("overlay")
    shutil.copytree(FOLDER, folder / "kubernetes")
    components = "kubernetes/gpu, kubernetes/keda"
    (folder / "kustomization.yaml").write_text(OVERLAY.format(components=components))
    return built(folder)


def container(resource: dict[str, Any]) -> dict[str, Any]:
    [found] = resource["spec"]["template"]["spec"]["containers"]
    return dict(found)


def test_kubernetes_takes_every_resource(whole: Resources) -> None:
    version = kubernetes_validate.latest_version()
    checked = [each for each in whole.values() if each["kind"] != "ScaledObject"]
    for each in checked:
        kubernetes_validate.validate(each, version, strict=True)
    assert len(checked) == 11
    # The schemas are looked at: a misspelt field is refused.
    wrong = {**whole["Deployment", "web"]}
    wrong["spec"] = {**wrong["spec"], "replica": 2}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, version, strict=True)


def test_the_deployments_are_the_processes(base: Resources) -> None:
    processes = procfile()
    deployments = {name for kind, name in base if kind == "Deployment"}
    assert deployments | {"release"} == set(processes)
    for name, command in processes.items():
        for old, new in {"${PORT:-8000}": "8000", "${WEB_THREADS:-16}": "16"}.items():
            command = command.replace(old, new)
        kind = "Job" if name == "release" else "Deployment"
        assert container(base[kind, name])["command"] == command.split()


def test_probes_and_shutdown(base: Resources) -> None:
    for name in HEALTH:
        pod = base["Deployment", name]["spec"]["template"]["spec"]
        probe = container(base["Deployment", name])["livenessProbe"]
        if name == "web":
            assert probe["httpGet"] == {"path": "/healthz", "port": "http"}
            assert container(base["Deployment", name])["readinessProbe"]["httpGet"]["path"] == "/readyz"
        else:
            assert probe["exec"]["command"] == ["sh", "-c", HEALTH[name]]
        # As in docker-compose.yml: a stopping worker has a minute for its job.
        assert pod["terminationGracePeriodSeconds"] == (90 if name.startswith("worker") else 30)


def test_every_pod_is_locked_down_and_may_be_moved(base: Resources) -> None:
    for (kind, name), resource in base.items():
        if kind not in {"Deployment", "Job"}:
            continue
        pod = resource["spec"]["template"]["spec"]
        user = pod["securityContext"]
        assert (user["runAsNonRoot"], user["runAsUser"]) == (True, 10001)
        security = container(resource)["securityContext"]
        assert security["readOnlyRootFilesystem"]
        assert not security["allowPrivilegeEscalation"]
        assert {mount["mountPath"] for mount in container(resource)["volumeMounts"]} == {
            "/data",
            "/tmp",
        }
        if kind == "Deployment":
            labels = resource["spec"]["template"]["metadata"]["labels"]
            budget = base["PodDisruptionBudget", name]["spec"]
            assert budget["selector"]["matchLabels"] == labels
            assert resource["spec"]["selector"]["matchLabels"] == labels
    assert base["Service", "web"]["spec"]["selector"].items() <= labels_of(base, "web").items()


def labels_of(resources: Resources, name: str) -> dict[str, str]:
    return dict(resources["Deployment", name]["spec"]["template"]["metadata"]["labels"])


def test_settings_and_images_exist(whole: Resources) -> None:
    secrets = re.search(r"# (DATABASE_URL[^.]*)\.", (FOLDER / "base" / "config.yaml").read_text())
    assert secrets is not None
    names = {*whole["ConfigMap", "atelier"]["data"], *re.split(r",\s*", secrets[1])} - OF_BOTO3
    assert {name.lower() for name in names} <= set(Settings.model_fields)
    stages = re.findall(r"^FROM \S+ AS (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    for kind, name in whole:
        if kind in {"Deployment", "Job"}:
            image = container(whole[kind, name])["image"].partition(":")[0]
            assert image.removeprefix("atelier-") in stages


def test_workers_with_a_gpu(whole: Resources) -> None:
    for name in ("worker-stylize", "worker-train"):
        worker = whole["Deployment", name]
        assert worker["spec"]["template"]["spec"]["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
        assert container(worker)["resources"]["limits"]["nvidia.com/gpu"] == 1
        assert container(worker)["image"].startswith("atelier-worker-cuda:")
    assert "nodeSelector" not in whole["Deployment", "web"]["spec"]["template"]["spec"]


def test_workers_are_scaled_by_the_age_of_the_oldest_job(
    whole: Resources,
) -> None:
    exported = (ROOT / "jobs" / "operations" / "metrics.py").read_text()
    for name in ("worker-stylize", "worker-train"):
        scaled = whole["ScaledObject", name]["spec"]
        assert scaled["scaleTargetRef"] == {"name": name}
        assert "replicas" not in whole["Deployment", name]["spec"]
        [trigger] = scaled["triggers"]
        metric = re.search(r"(atelier_\w+)\{queue=\"(\w+)\"\}", trigger["metadata"]["query"])
        assert metric is not None
        assert f'"{metric[1]}"' in exported
        assert name == f"worker-{metric[2]}"
        assert float(trigger["metadata"]["threshold"]) > 0
        assert 1 <= scaled["minReplicaCount"] < scaled["maxReplicaCount"]
