"""Manifests: what Kubernetes is told of a release: what runs, who may reach it, and how much it needs, as measured."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Any

from nb2prod.releases.release import Release
from nb2prod.targets.context import SLOWER
from nb2prod.targets.delivery import Wanted

Json = dict[str, Any]

PORT = 3000
USER = 10001  # as in the image
STEP = 64  # MiB that memory is rounded up to
KEYS = "/run/secrets/service"
PERIOD = 2  # seconds between two looks at a service that starts
# What nobody has measured: releases of older versions.
UNMEASURED = {"memory_mb": 512.0, "requests_per_second": 100.0, "cpu_ms": 10.0, "cold_start_seconds": 10.0}


def documents(made: Release, wanted: Wanted) -> dict[str, Json]:
    """Return all manifests: file → content."""
    found = {
        "deployment.yaml": _deployment(made, wanted),
        "service.yaml": _service(made, wanted),
        "networkpolicy.yaml": _network(made, wanted),
        "poddisruptionbudget.yaml": _disruption(made, wanted),
    }
    if wanted.most > wanted.replicas:
        found["hpa.yaml"] = _autoscaler(made, wanted)
    return found


def resources(tried: Mapping[str, Any]) -> Json:
    """Say how much a replica needs: memory and CPU as the rehearsal measured them under load, and room beside that."""
    seen = {**UNMEASURED, **{name: tried[name] for name in UNMEASURED if tried.get(name)}}
    held = seen["memory_mb"] * 1e6 / 2**20
    cores = seen["requests_per_second"] * seen["cpu_ms"] / 1000  # that one worker keeps busy
    return {
        # Half of what it takes under full load: a replica is not asked all the time.
        "requests": {"cpu": f"{_up(cores / 2 * 1000, 50)}m", "memory": f"{_up(held, STEP)}Mi"},
        # Bulk requests hold many rows at a time, which the rehearsal's load does not.
        "limits": {"cpu": f"{max(1, math.ceil(cores))}", "memory": f"{_up(max(2 * held, held + 256), STEP)}Mi"},
    }


def name_of(made: Release) -> str:
    """Return a name that Kubernetes takes: at most 63 characters, a letter first."""
    name = made.bento.partition(":")[0]
    name = name if name[0].isalpha() else f"s-{name}"
    return name if len(name) <= 52 else f"{name[:41].rstrip('-')}-{hashlib.sha256(name.encode()).hexdigest()[:10]}"


def _deployment(made: Release, wanted: Wanted) -> Json:
    name = name_of(made)
    pod = {
        "metadata": {"labels": _labels(made), "annotations": _annotations(made)},
        "spec": {
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER,
                "runAsGroup": USER,
                "fsGroup": USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "terminationGracePeriodSeconds": 75,
            "topologySpreadConstraints": [
                {
                    "maxSkew": 1,
                    "topologyKey": "kubernetes.io/hostname",
                    "whenUnsatisfiable": "ScheduleAnyway",
                    "labelSelector": {"matchLabels": _selector(name)},
                }
            ],
            "containers": [_container(made, wanted)],
            "volumes": [
                {"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}},
                # What the service counts and logs; a claim in its place keeps it when a pod goes.
                {"name": "state", "emptyDir": {"sizeLimit": "1Gi"}},
                {"name": "keys", "secret": {"secretName": secret_of(made, wanted), "defaultMode": 0o440}},
            ],
        },
    }
    spec = {
        "replicas": wanted.replicas,
        "revisionHistoryLimit": 5,
        # A new release answers before an old one goes.
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "selector": {"matchLabels": _selector(name)},
        "template": pod,
    }
    if wanted.most > wanted.replicas:
        del spec["replicas"]  # the autoscaler's to say
    return _document("apps/v1", "Deployment", made, wanted, spec)


def secret_of(made: Release, wanted: Wanted) -> str:
    """Return the name of the secret that holds the service's keys."""
    return wanted.secret or f"{name_of(made)}-keys"


def _container(made: Release, wanted: Wanted) -> Json:
    patience = max(30.0, SLOWER * made.rehearsal.get("cold_start_seconds", 0))
    return {
        "name": "service",
        "image": wanted.image or made.bento,
        "ports": [{"name": "http", "containerPort": PORT}],
        "env": [
            {"name": "SERVICE_API_KEYS_FILE", "value": f"{KEYS}/keys"},
            {"name": "SERVICE_STATE_DIR", "value": "/state"},
            {"name": "SERVICE_RELEASE", "value": made.id},
        ],
        "resources": resources(made.rehearsal),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "startupProbe": _probe("/readyz", PERIOD, math.ceil(patience / PERIOD)),
        "readinessProbe": _probe("/readyz", 5, 2),
        "livenessProbe": _probe("/livez", 10, 6),
        "volumeMounts": [
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  in the container
            {"name": "state", "mountPath": "/state"},
            {"name": "keys", "mountPath": KEYS, "readOnly": True},
        ],
    }


def _probe(path: str, period: int, failures: int) -> Json:
    asked = {"path": path, "port": "http"}
    return {"httpGet": asked, "periodSeconds": period, "timeoutSeconds": 3, "failureThreshold": failures}


def _service(made: Release, wanted: Wanted) -> Json:
    ports = [{"name": "http", "port": 80, "targetPort": "http"}]
    return _document("v1", "Service", made, wanted, {"selector": _selector(name_of(made)), "ports": ports})


def _network(made: Release, wanted: Wanted) -> Json:
    """Let in who is of the same namespace, or of one that says so by a label; nothing goes out."""
    name = name_of(made)
    there: Json = {"namespaceSelector": {"matchLabels": {f"nb2prod/{name}": "allowed"}}}
    spec = {
        "podSelector": {"matchLabels": _selector(name)},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [{"podSelector": {}}, there], "ports": [{"protocol": "TCP", "port": PORT}]}],
        "egress": [],
    }
    return _document("networking.k8s.io/v1", "NetworkPolicy", made, wanted, spec)


def _disruption(made: Release, wanted: Wanted) -> Json:
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": _selector(name_of(made))}}
    return _document("policy/v1", "PodDisruptionBudget", made, wanted, spec)


def _autoscaler(made: Release, wanted: Wanted) -> Json:
    usage = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 100}}
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name_of(made)},
        "minReplicas": wanted.replicas,
        "maxReplicas": wanted.most,
        # Of what is requested, which is half of what a replica can do.
        "metrics": [{"type": "Resource", "resource": usage}],
    }
    return _document("autoscaling/v2", "HorizontalPodAutoscaler", made, wanted, spec)


def _document(version: str, kind: str, made: Release, wanted: Wanted, spec: Json) -> Json:
    head = {"name": name_of(made), "labels": _labels(made), "annotations": _annotations(made)}
    if wanted.namespace:
        head["namespace"] = wanted.namespace
    return {"apiVersion": version, "kind": kind, "metadata": head, "spec": spec}


def _selector(name: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": name}


def _labels(made: Release) -> dict[str, str]:
    version, run = made.bento.partition(":")[2], made.run
    told = {"app.kubernetes.io/version": version, "app.kubernetes.io/managed-by": "nb2prod", "nb2prod/run": run}
    return _selector(name_of(made)) | told


def _annotations(made: Release) -> dict[str, str]:
    # They may be longer than labels, and hold anything.
    return {
        "nb2prod/release": made.id,
        "nb2prod/notebook": made.notebook,
        "nb2prod/archive-sha256": made.archive_sha256,
    }


def _up(value: float, step: int) -> int:
    return max(step, math.ceil(value / step) * step)
