"""SBOM: what software a service is made of, at which versions and under which licences, as CycloneDX says it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import metadata
from typing import Any

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.requirements import Requirement

Json = dict[str, Any]
UNKNOWN = "unknown"
PREFIX = "License :: OSI Approved :: "


def licence(name: str) -> str:
    """Return the licence of an installed distribution, as an SPDX expression where it gives one."""
    told: Any = metadata.metadata(name)
    if expression := told.get("License-Expression"):
        return str(expression)
    kinds = [line.removeprefix(PREFIX) for line in told.get_all("Classifier") or () if line.startswith(PREFIX)]
    text = (told.get("License") or "").strip()
    # Some put their licence's whole text there.
    return " or ".join(kinds) or (text if 0 < len(text) < 100 and "\n" not in text else UNKNOWN)


def licences(pins: Iterable[str]) -> dict[str, str]:
    """Return the licence of each pinned distribution by its name."""
    return {name: licence(name) for name in sorted(pin.partition("==")[0] for pin in pins)}


def document(name: str, version: str, pins: Iterable[str], files: Mapping[str, str]) -> Json:
    """Write the bill of materials of a service; the same service has the same one.

    Args:
        name: Of the service.
        version: Likewise.
        pins: `name==version` of all it needs.
        files: Path → SHA-256 of the files that are its own.
    """
    parts = [pin.partition("==")[::2] for pin in sorted(pins)]
    refs = {one: f"pkg:pypi/{one}@{number}" for one, number in parts}
    own = f"pkg:generic/{name}@{version}"
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": own, "name": name, "version": version}},
        "components": [
            *(_library(one, number, refs[one]) for one, number in parts),
            *(
                {
                    "type": "file",
                    "bom-ref": f"file:{path}",
                    "name": path,
                    "hashes": [{"alg": "SHA-256", "content": sha}],
                }
                for path, sha in sorted(files.items())
            ),
        ],
        "dependencies": [
            {"ref": own, "dependsOn": sorted(refs.values())},
            *({"ref": refs[one], "dependsOn": _needs(one, refs)} for one, _ in parts),
        ],
    }


def _library(name: str, version: str, ref: str) -> Json:
    found = licence(name)
    made = {"type": "library", "bom-ref": ref, "name": name, "version": version, "purl": ref}
    if found == UNKNOWN:
        return made
    try:
        return {**made, "licenses": [{"expression": str(canonicalize_license_expression(found))}]}
    except InvalidLicenseExpression:
        return {**made, "licenses": [{"license": {"name": found}}]}


def _needs(name: str, refs: Mapping[str, str]) -> list[str]:
    found = set()
    for text in metadata.requires(name) or ():
        one = Requirement(text)
        known = refs.get(one.name.lower().replace("_", "-").replace(".", "-"))
        if known and (one.marker is None or one.marker.evaluate({"extra": ""})):
            found.add(known)
    return sorted(found)
