"""What comes as an extra is imported when it is used, and not before."""

from __future__ import annotations

import subprocess
import sys

EXTRAS = (
    "adlfs", "catboost", "distributed", "gcsfs", "jupyterlab", "lightgbm", "matplotlib", "onnx", "onnxruntime",
    "pyarrow", "s3fs", "skl2onnx", "sklearn", "skops", "statsmodels", "torch", "xgboost",
)  # fmt: skip
# Imported where a notebook's tables are published, which needs Arrow.
PUBLISHING = ("nb2prod.packers.tables", "nb2prod.serving.kinds.product", "nb2prod.serving.selection")
CODE = f"""
import importlib, pkgutil, sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {EXTRAS!r}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
import nb2prod, papermill
for found in pkgutil.walk_packages(nb2prod.__path__, "nb2prod."):
    if not found.name.endswith("__main__") and found.name not in {PUBLISHING!r}:
        importlib.import_module(found.name)
print("imported")
"""


def test_the_package_can_be_imported_without_any_extra() -> None:
    run = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)

    assert (run.stdout, run.stderr.splitlines()[-1:]) == ("imported\n", [])
