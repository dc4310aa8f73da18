"""Helper modules beside the notebook travel with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from nb2prod.errors.models import PackageUnknown
from nb2prod.packers.local_modules import local


def test_helper_modules_and_what_they_import_are_told_from_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_scaling.py").write_text("import my_tools\nimport numpy\n", encoding="utf-8")
    (tmp_path / "my_tools").mkdir()
    (tmp_path / "my_tools" / "__init__.py").write_text("import json\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))

    helpers, packages = local(["my_scaling", "pandas.core.frame"], tmp_path)

    assert set(helpers) == {"my_scaling.py", "my_tools/__init__.py"}
    assert packages == {"json", "numpy", "pandas"}


def test_a_module_that_is_nowhere_is_named(tmp_path: Path) -> None:
    with pytest.raises(PackageUnknown, match="NB407"):
        local(["no_such_module"], tmp_path)
