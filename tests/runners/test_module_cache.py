from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.kernel  # they import libraries again and again

FILL = """
import json, os, sys, warnings
from nb2prod.runners.module_cache import ModuleCache
cache = ModuleCache()
with cache.filling() as load:
    for name in {names!r}:
        load(name)
assert not [name for name in sys.modules if name.partition('.')[0] in ('numpy', 'pandas', 'sklearn')]
"""
TELL = """
{code}
import json, sys, warnings, os
shown = [name for name in sys.modules if name.partition('.')[0] not in sys.stdlib_module_names]
ours = ('__', 'nb2prod', 'attr', '_sysconfig', '_cython', 'cython')
shown = sorted(name for name in shown if not name.startswith(ours))
print(json.dumps([shown, [str(item) for item in warnings.filters], sorted(os.environ)]))
"""
NAMES = ["numpy", "pandas", "pandas.DataFrame", "sklearn.linear_model", "sklearn.linear_model.LogisticRegression"]


def told(code: str) -> list[list[str]]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found: list[list[str]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("code", [
    "import numpy", "import pandas", "import sklearn.linear_model",
    "from sklearn.linear_model import LogisticRegression",
    "import warnings; warnings.simplefilter('ignore'); import sklearn, numpy",
    "import pandas as pd; pd.DataFrame({'a': [1]}).to_html()", "import numpy; numpy.random.rand()",
])  # fmt: skip
def test_an_import_from_the_cache_does_what_the_import_does(code: str) -> None:
    fresh = told("import nb2prod.runners.module_cache" + TELL.format(code=code))

    assert told(FILL.format(names=NAMES) + TELL.format(code=code)) == fresh


def test_a_library_that_comes_later_finds_the_others_there() -> None:
    again = "with cache.filling() as load: load('sklearn.linear_model')"
    code = "import sklearn.linear_model"
    fresh = told("import nb2prod.runners.module_cache" + TELL.format(code=code))

    assert told(FILL.format(names=["numpy", "pandas"]) + again + TELL.format(code=code)) == fresh


def test_a_module_taken_and_deleted_is_imported_anew() -> None:
    code = "import numpy.version\nfirst = sys.modules.pop('numpy.version')\nimport numpy.version\n" \
           "assert numpy.version is not first\n"  # fmt: skip

    told(FILL.format(names=["numpy"]) + code + TELL.format(code=""))


def test_a_module_can_be_looked_for_without_being_imported() -> None:
    code = "import importlib.util\nspec = importlib.util.find_spec('pandas')\n" \
           "assert spec.submodule_search_locations and spec.origin.endswith('__init__.py')\n" \
           "assert 'pandas' not in sys.modules\n"  # fmt: skip

    told(FILL.format(names=NAMES) + code + TELL.format(code=""))


def test_functions_and_classes_keep_working_after_pickling() -> None:
    code = "import pickle\nfrom sklearn.linear_model import LogisticRegression as L\n" \
           "m = pickle.loads(pickle.dumps(L().fit([[0], [1]], [0, 1])))\nassert m.predict([[1]])[0] == 1\n"  # fmt: skip

    told(FILL.format(names=NAMES) + code + TELL.format(code=""))
