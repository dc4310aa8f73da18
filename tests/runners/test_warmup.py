"""Libraries that are imported ahead are what they are in a kernel."""

from __future__ import annotations

import subprocess
import sys

import pytest

WIDTH = """
from nb2prod.runners.warmup import warm
warm(["pandas"])
import pandas
print(pandas.get_option("display.max_columns"))
"""

LEFT = """
import os, subprocess
from nb2prod.runners.warmup import warm
warm(["numpy"])
print("OPENBLAS_THREAD_TIMEOUT" in os.environ, subprocess.call(["printenv", "OPENBLAS_THREAD_TIMEOUT"]))
"""


@pytest.mark.kernel
def test_nothing_of_what_imports_are_told_is_left_in_the_environment() -> None:
    done = subprocess.run([sys.executable, "-c", LEFT], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", "1"]


@pytest.mark.kernel
def test_pandas_does_not_take_a_stage_for_a_terminal() -> None:
    done = subprocess.run([sys.executable, "-c", WIDTH], capture_output=True, text=True, check=True)

    assert done.stdout.split()[-1] == "20"
