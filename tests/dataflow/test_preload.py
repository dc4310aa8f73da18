from __future__ import annotations

import pytest
from books import parsed

from nb2prod.dataflow import preload


def ahead(*cells: str, more: tuple[str, ...] = ()) -> tuple[str, ...]:
    return preload.modules(parsed(*cells).cells, more)


def test_libraries_from_the_list_are_imported_ahead() -> None:
    found = ahead("import numpy as np, os\nfrom sklearn import tree", "%%stage a\nimport pandas.api.types\nimport mine")

    assert found == ("numpy", "sklearn", "sklearn.tree", "pandas.api.types")


def test_the_user_may_name_more() -> None:
    assert ahead("import slow.thing", more=("slow",)) == ("slow.thing",)


def test_modules_of_the_notebooks_own_folder_are_never() -> None:
    assert ahead("from .numpy import x\nfrom . import pandas") == ()


@pytest.mark.parametrize(
    "line",
    ["os.environ['A'] = '1'", "os.environ.update(A='1')", "%env A=1", "environ |= {}", "del os.environ['A']",
     "load_dotenv()", "os.putenv('A', '1')", "import pandas; os.environ.setdefault('A', '1')"],
)  # fmt: skip
def test_what_is_imported_below_a_change_of_the_environment_is_not(line: str) -> None:
    found = ahead("import numpy, os\nos.environ['HOME']", f"{line}\nimport scipy")

    assert "numpy" in found
    assert "scipy" not in found
