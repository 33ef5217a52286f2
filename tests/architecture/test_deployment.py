"""What containers are made of and started by: linted, and naming nothing that is not there. None is run here."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from typer.main import get_command

from holdfast.cli import app
from holdfast.settings import Settings
from holdfast.wiring import Wiring
from tests.architecture.test_documents import KNOWN, ROOT

Document = dict[str, Any]

COMPOSE: Document = yaml.safe_load((ROOT / "compose.yaml").read_text())
OURS = {name: each for name, each in COMPOSE["services"].items() if each["image"].startswith("holdfast:")}
KUBERNETES = ROOT / "deploy/kubernetes"
VARIABLE = re.compile(r"HOLDFAST_[A-Z_]+")
# kustomize's own, of which the schemas of Kubernetes know nothing
LAYERS = sorted(KUBERNETES.rglob("kustomization.yaml"))
OLDEST, NEWEST = "1.29", "1.37"


def manifests() -> Iterator[tuple[Path, Document]]:
    for path in sorted({*KUBERNETES.rglob("*.yaml")} - {*LAYERS}):
        for each in yaml.safe_load_all(path.read_text()):
            yield path, each


def whole() -> list[Document]:
    """Those of the base: an overlay's may be patches, which are parts."""
    return [each for path, each in manifests() if path.parent.name == "base"]


def containers() -> Iterator[tuple[str, Document]]:
    for each in whole():
        pod = each.get("spec", {}).get("template", {}).get("spec", {})
        for container in (*pod.get("initContainers", ()), *pod.get("containers", ())):
            yield f"{each['metadata']['name']}/{container['name']}", container


def runs(command: list[str]) -> bool:
    """Whether `holdfast` has this command, with these options."""
    here: Any = get_command(app)
    words = list(command)
    while words and words[0] in getattr(here, "commands", {}):
        here = here.commands[words.pop(0)]
    known = {name for parameter in here.params for name in parameter.opts}
    return not hasattr(here, "commands") and {word for word in words if word.startswith("--")} <= known


def test_the_dockerfile_has_nothing_that_its_linter_minds() -> None:
    program = shutil.which("hadolint", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if program is None:
        pytest.skip("hadolint is not there for this machine: the Dockerfile is not linted")
    done = subprocess.run([program, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert done.stdout == ""
    assert done.returncode == 0


def test_the_image_is_made_of_locked_packages_and_runs_as_nobody() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert "pip install --require-hashes -r requirements/image.txt" in text
    assert re.search(r"^USER \d{4,}", text, re.M)
    assert "HEALTHCHECK" in text
    allowed = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.M)
    copied = [source for line in re.findall(r"^COPY (?!--)(.+)$", text, re.M) for source in line.split()[:-1]]
    assert set(copied) == set(allowed)
    assert all((ROOT / each).exists() for each in copied)


@pytest.mark.parametrize("name", OURS)
def test_a_composed_service_of_ours_is_confined(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert runs(service.get("command", ["serve"]))


def test_what_is_composed_waits_for_what_is_there_and_answers() -> None:
    services = COMPOSE["services"]
    for name, service in services.items():
        assert ":" in service["image"], f"{name} has no version"
        for other, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                # the image of ours has its own
                assert "healthcheck" in services[other] or other in OURS, f"{name} waits for {other}"
            else:
                assert how["condition"] == "service_completed_successfully"
                assert services[other]["restart"] == "no"
        for volume in service.get("volumes", ()):
            assert volume.partition(":")[0] in COMPOSE["volumes"]


def test_only_settings_that_exist_are_set() -> None:
    text = "\n".join(
        path.read_text() for path in (ROOT / "compose.yaml", *KUBERNETES.rglob("*.*"), ROOT / "Dockerfile")
    )
    assert sorted(set(VARIABLE.findall(text)) - KNOWN) == []


def environments() -> dict[str, dict[str, str]]:
    """What each way to run it tells a server, with something in the place of secrets."""
    said = OURS["server"]["environment"]
    filled = {
        name: re.sub(r"\$\{\w+:([-?])([^}]*)\}", lambda at: at[2] if at[1] == "-" else "s" * 40, each)
        for name, each in said.items()
    }
    (base,) = (each["data"] for each in whole() if each["kind"] == "ConfigMap")
    secret = {"HOLDFAST_DATABASE_URL": "postgresql://user:password@host/holdfast", "HOLDFAST_SECRET": "s" * 40}
    layered = {
        path.parent.name: {**base, **secret, **each["data"]}
        for path, each in manifests()
        if path.parent.parent.name == "overlays" and each["kind"] == "ConfigMap"
    }
    return {"compose": filled, **layered}


@pytest.mark.parametrize("way", environments())
def test_a_server_takes_what_it_is_told(way: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in KNOWN:
        monkeypatch.delenv(name, raising=False)
    for name, each in environments()[way].items():
        monkeypatch.setenv(name, each)
    monkeypatch.chdir(tmp_path)
    settings = Settings()
    assert settings.security.secret is not None
    assert settings.proxies.trusted
    wired = Wiring(settings, "postgresql://nowhere")
    wired.events_route.check()
    wired.mail_route.check()
    assert wired.print_shop


def test_no_secret_has_a_default() -> None:
    text = (ROOT / "compose.yaml").read_text()
    secrets = re.findall(r"\$\{(\w*(?:PASSWORD|SECRET)\w*)(:?[-?]?)", text)
    assert secrets
    assert {how for _, how in secrets} == {":?"}
    assert [each["metadata"]["name"] for each in whole() if each["kind"] == "Secret"] == []


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_manifests_are_what_kubernetes_takes(version: str) -> None:
    for path, each in manifests():
        if path.parent.name == "base" or path.name == "scaling.yaml":
            kubernetes_validate.validate(each, version, strict=True)


def test_a_manifest_that_is_wrong_is_seen() -> None:
    (deployment, *_) = (each for each in whole() if each["kind"] == "Deployment")
    broken = {**deployment, "spec": {**deployment["spec"], "replica": 2}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, OLDEST, strict=True)


@pytest.mark.parametrize(("name", "container"), containers())
def test_a_container_is_confined_and_bounded(name: str, container: Document) -> None:
    context = container["securityContext"]
    assert (context["readOnlyRootFilesystem"], context["allowPrivilegeEscalation"]) == (True, False)
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert container["resources"]["limits"]["memory"]
    if container["image"] == "holdfast":
        assert runs(container["args"])
        assert {"secretRef": {"name": "holdfast"}} in container["envFrom"]


def test_what_selects_selects_something() -> None:
    labels = [
        each["spec"]["template"]["metadata"].get("labels", {}) for each in whole() if each["kind"] == "Deployment"
    ]
    chosen = []
    for each in whole():
        spec = each.get("spec", {})
        if each["kind"] == "Service":
            chosen.append(spec["selector"])
        elif each["kind"] == "NetworkPolicy":
            chosen.append(spec["podSelector"]["matchLabels"])
        elif "selector" in spec:
            chosen.append(spec["selector"]["matchLabels"])
    assert len(chosen) >= 7
    assert [each for each in chosen if not any(each.items() <= every.items() for every in labels)] == []


@pytest.mark.parametrize("layer", LAYERS, ids=lambda path: path.parent.name)
def test_a_layer_names_files_and_objects_that_are_there(layer: Path) -> None:
    """What kustomize would say, which is not here to say it."""
    said = yaml.safe_load(layer.read_text())
    for each in (*said["resources"], *(patch["path"] for patch in said.get("patches", ()))):
        assert (layer.parent / each).exists()
    there = {(each["kind"], each["metadata"]["name"]) for each in whole()}
    for each in said.get("replicas", ()):
        assert ("Deployment", each["name"]) in there
    for patch in said.get("patches", ()):
        changed = yaml.safe_load((layer.parent / patch["path"]).read_text())
        assert (changed["kind"], changed["metadata"]["name"]) in there
