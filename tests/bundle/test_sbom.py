"""The bill of materials is CycloneDX, and the same for the same service."""

from __future__ import annotations

import json

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from nb2prod.bundle import pins, sbom

PINS = pins.pins({"sklearn", "attrs"})
EVERY = (*PINS.direct, *PINS.indirect)


def test_it_is_valid_cyclonedx_and_the_same_every_time() -> None:
    made = sbom.document("churn", "1", EVERY, {"model.pkl": "0" * 64})

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(made)) is None
    assert made == sbom.document("churn", "1", reversed(EVERY), {"model.pkl": "0" * 64})


def test_it_says_what_needs_what_and_under_which_licence() -> None:
    made = sbom.document("churn", "1", EVERY, {})
    parts = {part["name"]: part for part in made["components"]}
    needs = {one["ref"]: one["dependsOn"] for one in made["dependencies"]}

    assert parts["scikit-learn"]["purl"].startswith("pkg:pypi/scikit-learn@")
    assert parts["scikit-learn"]["licenses"] == [{"expression": "BSD-3-Clause"}]
    assert parts["numpy"]["bom-ref"] in needs[parts["scikit-learn"]["bom-ref"]]
    assert sbom.licences(EVERY)["attrs"] == "MIT"
