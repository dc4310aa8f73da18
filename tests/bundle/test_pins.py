"""Requirements: what code imports, and what pickles refer to."""

from __future__ import annotations

import pickle
from importlib.metadata import version

import cloudpickle
import pytest
from sklearn.linear_model import LogisticRegression

from nb2prod.bundle.pins import imported, pins, referred, texts
from nb2prod.errors.models import PackageUnknown


def test_modules_become_distributions_at_their_installed_versions() -> None:
    found = pins(["sklearn.linear_model", "json"])

    assert found.direct == (f"scikit-learn=={version('scikit-learn')}",)
    assert f"numpy=={version('numpy')}" in found.indirect


def test_nothing_is_pinned_twice() -> None:
    found = pins(["sklearn", "numpy", "bentoml"])

    assert not set(found.direct) & set(found.indirect)


def test_a_service_needs_nothing_of_jupyter() -> None:
    found = pins(["bentoml", "pandas", "sklearn", "numpy"])
    names = {line.partition("==")[0] for line in (*found.direct, *found.indirect)}

    assert not names & {"jupyter-client", "ipykernel", "ipython", "papermill", "nbformat", "nb2prod", "matplotlib"}


def test_a_module_of_no_package_is_named() -> None:
    with pytest.raises(PackageUnknown, match=r"NB407.*'no_such_module'"):
        pins(["no_such_module.inner"])


def test_imports_are_seen_at_any_depth() -> None:
    assert imported("import a.b\ndef f():\n    from c.d import e\n    from . import g") == {"a.b", "c.d"}


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_a_pickle_tells_its_globals_without_being_loaded(protocol: int) -> None:
    found = referred(pickle.dumps([LogisticRegression(), LogisticRegression], protocol=protocol))

    assert ("sklearn.linear_model._logistic", "LogisticRegression") in found


def test_a_lambda_names_the_modules_it_reads() -> None:
    space = {"json": pickle, "__name__": "__main__"}

    assert "pickle" in texts(cloudpickle.dumps(eval("lambda x: json.dumps(x)", space)))
