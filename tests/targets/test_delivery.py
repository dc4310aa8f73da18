"""A release handed over is what was released: in a real image, its service answers as the notebook's model does."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import images
import psutil
import pytest
from attrs import frozen
from books import copied
from click.testing import CliRunner

from nb2prod import api, settings
from nb2prod.api import Options
from nb2prod.cli.main import main
from nb2prod.errors.deployments import ReleaseChanged
from nb2prod.hosting import process
from nb2prod.releases import release

pytestmark = pytest.mark.ship

BASE = "localhost/python-here"
KEY = "for-tests-only"


@frozen
class Made:
    """A release."""

    home: Path
    id: str
    folder: Path  # the notebook's

    @property
    def service(self) -> Path:
        return release.folder_of(self.home, self.id) / "service"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    folder = tmp_path_factory.mktemp("tiny")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENTOML_HOME", str(folder / "bentoml"))
        path = copied("tiny_model", folder)
        result = api.ship(path, Options(verify=False))
        assert result["ok"], result["error"]
        yield Made(settings.home_of(path), result["release"], folder)


def test_the_command_hands_over_and_says_how_to_go_on(made: Made) -> None:
    asked = ["deploy", made.id, "--folder", str(made.folder), "--target"]
    manifests = CliRunner().invoke(main, [*asked, "kubernetes", "--replicas", "1", "--format", "json"])
    context = CliRunner().invoke(main, [*asked, "container", "--no-build"])
    cloud = CliRunner().invoke(main, [*asked, "bentocloud", "-o", str(made.folder / "cloud")])

    assert [done.exit_code for done in (manifests, context, cloud)] == [0, 0, 0], context.output
    assert "deployment.yaml" in json.loads(manifests.output)["files"]
    assert f"{made.home}/delivered/{made.id}/container" in context.output
    assert "bentoml deploy -f" in cloud.output
    assert (made.folder / "cloud" / "deployment.yaml").is_file()


def test_a_ship_ends_with_what_its_target_takes(made: Made) -> None:
    asked = ["ship", str(made.folder / "tiny_model.ipynb"), "--no-verify", "--target", "kubernetes"]
    done = CliRunner().invoke(main, [*asked, "--format", "json"])
    found = json.loads(done.stdout)

    assert (done.exit_code, found["service"]) == (0, None)
    assert found["delivery"]["release"] == found["release"]
    assert (Path(found["delivery"]["folder"]) / "deployment.yaml").is_file()


def test_a_release_that_was_changed_since_is_not_handed_over(made: Made) -> None:
    place, kept = made.service / "service.py", (made.service / "service.py").read_bytes()
    place.write_bytes(kept + b"\n# a small change\n")
    try:
        with pytest.raises(ReleaseChanged):
            api.deploy(made.home, made.id, target="container", build=False)
    finally:
        place.write_bytes(kept)


@pytest.fixture(scope="module")
def engine(made: Made) -> Iterator[dict[str, str]]:
    """Buildah with a store of its own, and a base image; `make ship` installs both where it may."""
    missing = [name for name in ("buildah", "busybox") if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        pytest.skip(f"An image is built as root, by buildah, on BusyBox: {', '.join(missing) or 'not root'}.")
    folder = made.folder / "images"
    folder.mkdir()
    environ = images.environment(folder)
    images.base(folder, environ, BASE)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environ.items():
            patch.setenv(name, value)
        yield environ


@pytest.fixture(scope="module")
def built(made: Made, engine: dict[str, str]) -> dict[str, Any]:
    return api.deploy(made.home, made.id, target="container", base=BASE, engine="buildah")


@pytest.mark.timeout(600)
def test_a_real_image_is_built_and_weighed(built: dict[str, Any]) -> None:
    said = subprocess.run(
        ["buildah", "inspect", "--type", "image", built["image"]], capture_output=True, check=True
    ).stdout
    config = json.loads(said)["Docker"]["config"]
    sheet = json.loads(Path(built["risk"]).with_suffix(".json").read_text(encoding="utf-8"))

    assert config["User"] == "10001:10001"
    assert config["Healthcheck"]["Test"][0] == "CMD"
    assert config["Labels"]["nb2prod.release"] == built["release"]
    assert built["bytes"] > 1e8
    assert sheet["size"] | {"image": built["bytes"], "exact": True} == sheet["size"]
    assert "(estimated)" not in Path(built["risk"]).read_text(encoding="utf-8")


@pytest.mark.timeout(600)
def test_its_service_answers_as_the_released_one(made: Made, built: dict[str, Any]) -> None:
    request = json.loads((made.service / "request.json").read_text(encoding="utf-8"))
    container = _said("buildah", "from", built["image"])
    port = process.free_port()
    run = ["buildah", "run", "--env", f"SERVICE_API_KEYS={KEY}", container, "--"]
    serve = ["python", "-m", "bentoml", "serve", "service", "--host", "127.0.0.1", "--port", str(port)]
    with (made.folder / "container.log").open("wb") as log:
        child = subprocess.Popen([*run, *serve], stdout=log, stderr=log, start_new_session=True)
    try:
        _wait(port, child, made.folder / "container.log")
        answered, refused = _ask(port, request, KEY), _ask(port, request, "another")
        users = {one.uids().real for one in _family(port)}
    finally:
        _end(port, child)
    inside = _status(*run, "sh", "-c", "echo x > /service/x"), _status(*run, "cat", "/run/secrets/ca")

    document = json.loads((made.service / "openapi.json").read_text(encoding="utf-8"))
    example = document["paths"]["/predict"]["post"]["responses"]["200"]["content"]["application/json"]["example"]
    assert answered == (200, example)
    assert refused[0] == http.HTTPStatus.UNAUTHORIZED
    assert users == {10001}
    assert all(inside)  # nothing of the service can be written, and no secret of the build is left


def _ask(port: int, request: Any, key: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(
            "POST", "/predict", json.dumps(request), {"content-type": "application/json", "x-api-key": key}
        )
        reply = connection.getresponse()
        return reply.status, json.load(reply)
    finally:
        connection.close()


def _wait(port: int, child: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == http.HTTPStatus.OK:
                return
        except OSError:
            assert child.poll() is None, log.read_text(encoding="utf-8")[-3000:]
        finally:
            connection.close()
        time.sleep(0.1)
    raise AssertionError(log.read_text(encoding="utf-8")[-3000:])


def _end(port: int, child: subprocess.Popen[bytes]) -> None:
    """End what runs in the container: its processes outlive the engine's own."""
    every = _family(port)
    for one in every:
        one.send_signal(signal.SIGTERM)
    for one in psutil.wait_procs(every, timeout=10)[1]:
        one.kill()
    child.wait(10)


def _family(port: int) -> set[psutil.Process]:
    heads = [p for p in psutil.process_iter() if {"serve", str(port)} <= _words(p) and "buildah" not in _words(p)]
    return {one for head in heads for one in (head, *head.children(recursive=True))}


def _words(one: psutil.Process) -> set[str]:
    try:
        return set(one.cmdline())
    except psutil.Error:
        return set()


def _status(*command: str) -> int:
    return subprocess.run(command, capture_output=True, check=False).returncode


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
