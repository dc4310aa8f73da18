"""Manifests are what Kubernetes takes, ask for what was measured, and give nothing away."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from attrs import evolve
from kubernetes_validate import ValidationError, latest_version, validate
from released import MADE

from nb2prod.releases import release
from nb2prod.releases.release import Release
from nb2prod.targets import manifests
from nb2prod.targets.bentocloud import configuration
from nb2prod.targets.delivery import Wanted
from nb2prod.targets.kubernetes import KubernetesTarget

OLDER = evolve(MADE, rehearsal={"rows": 5, "p50_ms": 1.0})
LONG = evolve(MADE, bento=f"{'9-very-long-name-' * 8}x:ab12cd34ab12cd34")


def pod(made: Release = MADE, **wanted: Any) -> dict[str, Any]:
    return manifests.documents(made, Wanted(**wanted))["deployment.yaml"]["spec"]["template"]["spec"]


@pytest.mark.parametrize("made", [MADE, OLDER, LONG])
@pytest.mark.parametrize("wanted", [Wanted(), Wanted(replicas=3, most=3, namespace="risk", image="r.example/c:1")])
def test_the_published_schemas_take_all_of_them(made: Release, wanted: Wanted) -> None:
    for document in manifests.documents(made, wanted).values():
        validate(json.loads(json.dumps(document)), latest_version(), strict=True)


def test_the_schemas_would_say_so_if_they_did_not() -> None:
    document = manifests.documents(MADE, Wanted())["deployment.yaml"]
    document["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]["httpget"] = {}
    with pytest.raises(ValidationError):
        validate(document, latest_version(), strict=True)


def test_a_replica_asks_for_what_was_measured_and_room_beside_it() -> None:
    assert manifests.resources(MADE.rehearsal) == {
        "requests": {"cpu": "650m", "memory": "320Mi"},  # half of the 1.27 cores that it kept busy
        "limits": {"cpu": "2", "memory": "640Mi"},
    }
    assert manifests.resources({"memory_mb": 10.0, "cpu_ms": 0.1})["limits"]["memory"] == "320Mi"


def test_nothing_runs_as_root_or_writes_beside_its_own_folders() -> None:
    found = pod()
    held = found["containers"][0]["securityContext"]

    assert found["securityContext"]["runAsNonRoot"]
    assert (held["readOnlyRootFilesystem"], held["allowPrivilegeEscalation"], held["capabilities"]["drop"]) == (
        True,
        False,
        ["ALL"],
    )
    assert {v["name"] for v in found["volumes"] if "emptyDir" in v} == {"tmp", "state"}


def test_keys_come_from_a_secret_without_which_nothing_starts() -> None:
    keys = next(v for v in pod()["volumes"] if v["name"] == "keys")["secret"]

    assert keys["secretName"] == "churn-keys"
    assert not keys.get("optional")
    assert "SERVICE_API_KEYS_FILE" in {e["name"] for e in pod()["containers"][0]["env"]}


def test_a_service_that_starts_slowly_is_waited_for() -> None:
    slow = pod(evolve(MADE, rehearsal={"cold_start_seconds": 40.0}))["containers"][0]["startupProbe"]

    assert slow["periodSeconds"] * slow["failureThreshold"] >= 5 * 40


def test_every_part_points_at_the_same_pods() -> None:
    found = manifests.documents(LONG, Wanted())
    labels = found["deployment.yaml"]["spec"]["template"]["metadata"]["labels"]
    chosen = [
        found["deployment.yaml"]["spec"]["selector"]["matchLabels"],
        found["service.yaml"]["spec"]["selector"],
        found["networkpolicy.yaml"]["spec"]["podSelector"]["matchLabels"],
        found["poddisruptionbudget.yaml"]["spec"]["selector"]["matchLabels"],
    ]

    assert all(one.items() <= labels.items() for one in chosen)
    assert found["hpa.yaml"]["spec"]["scaleTargetRef"]["name"] == found["deployment.yaml"]["metadata"]["name"]
    assert all(re.fullmatch(r"[a-z0-9A-Z]([-a-z0-9A-Z_.]{0,61}[a-z0-9A-Z])?", value) for value in labels.values())


def test_two_long_names_that_begin_alike_stay_two() -> None:
    other = evolve(LONG, bento=LONG.bento.replace("x:", "y:"))

    assert manifests.name_of(LONG) != manifests.name_of(other)
    assert re.fullmatch(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", manifests.name_of(LONG))


def test_only_who_is_allowed_reaches_it_and_it_reaches_nobody() -> None:
    found = manifests.documents(MADE, Wanted())["networkpolicy.yaml"]["spec"]

    assert (found["policyTypes"], found["egress"], len(found["ingress"])) == (["Ingress", "Egress"], [], 1)


def test_the_files_hold_what_the_documents_say(tmp_path: Path) -> None:
    found = KubernetesTarget(tmp_path).deliver(MADE, tmp_path, Wanted(namespace="risk"))
    read = {name: yaml.safe_load((tmp_path / name).read_text(encoding="utf-8")) for name in found.files}

    assert read == manifests.documents(MADE, Wanted(namespace="risk"))
    assert release.ID.fullmatch(read["service.yaml"]["metadata"]["annotations"]["nb2prod/release"])
    assert found.next[-1].endswith("-n risk")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of a pattern that BentoML uses
def test_bentoml_reads_all_that_it_would_send_to_its_cloud(tmp_path: Path) -> None:
    from bentoml._internal.cloud.deployment import get_args_from_config
    from bentoml._internal.cloud.schemas.schemasv2 import CreateDeploymentSchema
    from bentoml._internal.utils.cattr import bentoml_cattr

    file, written = tmp_path / "deployment.yaml", configuration(MADE, Wanted(replicas=1, most=4))
    file.write_text(yaml.safe_dump(written), encoding="utf-8")
    read = bentoml_cattr.structure(yaml.safe_load(file.read_text(encoding="utf-8")), CreateDeploymentSchema)

    assert get_args_from_config(config_file=str(file))[:2] == ("churn", MADE.bento)
    assert bentoml_cattr.unstructure(read) == written
    assert (read.services["churn"].scaling.min_replicas, read.services["churn"].scaling.max_replicas) == (1, 4)
