"""A fork shows what a kernel shows: the same cells by both runners."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nb2prod.runners.base import opened
from nb2prod.runners.fork import ForkRunner
from nb2prod.runners.kernel import KernelRunner
from runners.tasks import run, same

pytestmark = [pytest.mark.kernel, pytest.mark.skipif(sys.platform != "linux", reason="no fork")]

# Cells of one notebook are kept apart by lines of four dashes.
STREAMS = r"""
import os, subprocess, sys, time
print("a"); print("b", file=sys.stderr); print("c")
----
print("no newline", end="")
----
for i in range(5): print(f"\r{i}", end="")
----
print("one\r\ntwo")
----
time.sleep(os.system("echo by the system") + 0.5)  # a kernel leaves out what comes just before a cell ends
----
subprocess.run(["echo", "by a process"]); subprocess.run("echo in error >&2", shell=True)
time.sleep(0.5)
----
!echo hello; echo error >&2
----
x = !ls /nonexistent
x
----
%%bash
echo one
echo two >&2
----
%%bash
exit 3
----
%%capture cap
print("captured")
----
cap.stdout
----
sys.stdin.read(), sys.stdout.isatty(), sys.stdout.encoding, sys.stdout.writable(), sys.stdout.closed
----
sys.stdout.write("w"), sys.stdout.flush(), print("x", flush=True)
----
import threading
thread = threading.Thread(target=lambda: print("thread")); thread.start(); thread.join()
----
import multiprocessing
def work(x):
    print("in", x)
    return x * x
with multiprocessing.get_context("fork").Pool(1) as pool: print(pool.map(work, [3]), time.sleep(0.5))
----
import logging
logging.warning("warned"); logging.getLogger("x").error("failed")
----
import warnings
warnings.warn("hey")
----
def old(): warnings.warn("deprecated", DeprecationWarning)
old()
"""
DISPLAYS = r"""
from IPython.display import HTML, JSON, Image, Markdown, clear_output, display, update_display
handle = display(HTML("<b>x</b>"), display_id="one"); print("after"); handle.update(HTML("<i>y</i>"))
----
display("z", display_id="one"); update_display("zz", display_id="one")
----
print(1); clear_output(); print(2)
----
print(1); clear_output(wait=True); print(2); display(3)
----
print("a"); display(1); print("b"); display(Markdown("*c*")); print("d")
----
display({"text/plain": "raw"}, raw=True)
----
Image(data=b"\x89PNG\r\n\x1a\n" + b"0" * 50, format="png")
----
JSON({"a": [1]})
----
class Shown:
    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/plain": "R", "application/json": {1: 2}}, {"m": 1}
Shown()
----
class Wrong:
    def __repr__(self): return 1 / 0
Wrong()
----
%%html
<b>h</b>
----
1 + 1
----
_, __, _i, In[1][:4], Out[12], _12
----
None
----
"é\x00\x1b[31mred"
----
import pandas as pd
pd.DataFrame({"a": [1, 2]})
----
display(pd.DataFrame({"a": [1, 2]}), pd.Series([1]))
----
import matplotlib.pyplot as plt
plt.plot([1, 2]);
----
%matplotlib inline
----
figure, axes = plt.subplots(); axes.plot([3]); plt.show(); print("x")
----
plt.get_backend(), plt.isinteractive()
----
%config InlineBackend.figure_format = "svg"
----
plt.gcf().number
----
import ipywidgets
output = ipywidgets.Output()
with output: print("in the widget"); display(3)
output
----
output.outputs
----
with output:
    clear_output(); print("again")
print("in the cell")
----
output.outputs
"""
ERRORS = r"""
def f(n): return g(n + 1)
def g(n): return 1 / (n - 3)
f(2)
----
f(0), f(3)
----
def broken(:
----
  x = 1
----
raise ValueError("é")
----
class Own(Exception):
    def _render_traceback_(self): return ["shown", "otherwise"]
raise Own
----
try:
    1 / 0
except ZeroDivisionError as wrong:
    raise KeyError("a") from wrong
----
input("?")
----
import getpass; getpass.getpass()
----
import sys; sys.exit(3)
----
undefined
----
assert f(0) > 1, "no"
----
import no_such_module
----
%no_such_magic
----
await undefined
"""
PROCESS = r"""
import asyncio, os, signal, sys
async def count():
    for i in range(3):
        print("in the background", i)
        await asyncio.sleep(0)
task = asyncio.create_task(count())
----
await task; task.done()
----
asyncio.run(asyncio.sleep(0))
----
await asyncio.sleep(0.01)
----
type(get_ipython()).__name__, type(get_ipython().kernel).__name__
----
from ipykernel.iostream import OutStream
isinstance(sys.stdout, OutStream), isinstance(sys.stderr, OutStream)
----
get_ipython().kernel.get_parent()["msg_type"], get_ipython().kernel.execution_count, get_ipython().config.keys()
----
sys.argv[1:2], sys.argv[3:], os.path.basename(sys.argv[0]), sys.path, __name__
----
sys.modules["__main__"].__dict__ is globals(), "__file__" in globals(), sys.flags, __builtins__
----
__doc__, sorted(name for name in globals() if name[:2] == "__")
----
sorted(set(os.environ) - {"_", "PYDEVD_USE_FRAME_EVAL"}), os.environ["MPLBACKEND"], os.environ["PYTHONHASHSEED"]
----
hash("a"), {"a", "b", "c", "d"}
----
import contextvars, decimal
variable = contextvars.ContextVar("variable"); variable.set(5); decimal.getcontext().prec = 7
----
variable.get(), decimal.Decimal(1) / 3
----
import random
random.random(), random.getrandbits(8)
----
import numpy as np
np.random.seed(0); np.random.rand()
----
signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGCHLD)
----
import warnings
[str(item) for item in warnings.filters]
----
sorted(name for name in sys.modules if name.partition(".")[0] in {"numpy", "pandas", "matplotlib", "PIL"})
----
import pandas
[str(item) for item in warnings.filters], len([name for name in sys.modules if name.startswith("pandas")])
----
from ipykernel.kernelapp import IPKernelApp
IPKernelApp.initialized(), IPKernelApp.instance().name
----
%history -n 1-3
----
%%writefile written.txt
hi
----
%env NEW=1
----
%run -c "print(1)"
----
%%script python3
print(1)
----
%load_ext autoreload
----
%who
----
%%time
sum(range(10))
----
%timeit -n1 -r1 pass
----
%cd /
----
?print
----
from multiprocessing.shared_memory import SharedMemory
memory = SharedMemory(create=True, size=8); memory.buf[0] = 3; value = memory.buf[0]; memory.close(); memory.unlink()
value
----
import concurrent.futures
with concurrent.futures.ThreadPoolExecutor() as pool: print(list(pool.map(abs, [-1])))
"""


@pytest.mark.parametrize(
    "cells", [STREAMS, DISPLAYS, ERRORS, PROCESS], ids=["streams", "displays", "errors", "process"]
)
def test_a_fork_shows_what_a_kernel_shows(cells: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTEST_CURRENT_TEST", raising=False)  # by which a kernel knows that it shall not capture all
    sources = [(text.strip("\n"), ("raises-exception",)) for text in cells.split("\n----\n")]
    told = []
    for name, runner in (("kernel", KernelRunner()), ("fork", ForkRunner())):
        folder = tmp_path / name / "same"
        folder.mkdir(parents=True)
        with opened(runner, ("numpy", "pandas", "matplotlib.pyplot", "PIL")):
            told.append(run(runner, folder, *sources))
    by_kernel, by_fork = told

    assert (by_kernel.error, by_fork.error) == (None, None)
    for (source, _), ours, theirs in zip(sources, by_fork.outputs, by_kernel.outputs, strict=True):
        assert (source, same(ours)) == (source, same(theirs))
    for part in ("wrote", "sources", "ambient"):
        assert by_fork.left[part] == by_kernel.left[part]
