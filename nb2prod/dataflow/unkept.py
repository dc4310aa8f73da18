"""Unkept: kinds of values that stay in the process that made them, and the calls that make them."""

from __future__ import annotations

GENERATOR, CURSOR, THREAD = "a generator", "a cursor that may have rows to give", "a running thread"
HANDLE = "a handle"  # of something outside; some can be stored
FINAL, NUMBERS = "an object with a `__del__` of its own", "made of `id(…)`, which is another in each process"
FOLDER = "a path in a temporary folder, which goes away with its process"
FUNCTIONS = "a database with functions of the notebook's own"
# What is never stored, by the call that makes it.
NEVER = {
    **dict.fromkeys(("socket.socket", "socket.create_connection"), "a socket"),
    **dict.fromkeys(("subprocess.Popen", "multiprocessing.Process"), "a running process"),
    **dict.fromkeys(("multiprocessing.Pool", "concurrent.futures.ProcessPoolExecutor"), "a pool of processes"),
    **dict.fromkeys(
        (f"multiprocessing.{name}" for name in ("Array", "Event", "Lock", "Manager", "Pipe", "Queue", "Value")),
        "shared by processes that come from this one",
    ),
    **dict.fromkeys(("psycopg2.connect", "psycopg.connect"), "a database connection"),
    **dict.fromkeys(
        ("tempfile.NamedTemporaryFile", "tempfile.TemporaryFile"), "an open file that goes away with its process"
    ),
    **dict.fromkeys(("asyncio.create_task", "asyncio.ensure_future"), "a running task"),
    **dict.fromkeys(("csv.reader", "csv.DictReader"), "a reader of an open file"),
    **dict.fromkeys(("csv.writer", "csv.DictWriter"), "a writer to an open file"),
    **dict.fromkeys((f"unittest.mock.{name}" for name in ("AsyncMock", "MagicMock", "Mock", "patch")), "a mock"),
    **dict.fromkeys(("pandas.option_context", "numpy.printoptions"), "a context that was entered in its process"),
    **dict.fromkeys(("h5py.File", "pandas.HDFStore"), "an open file"),
    **dict.fromkeys(
        ("lxml.etree.fromstring", "lxml.etree.parse", "lxml.etree.HTML", "lxml.etree.XML", "lxml.html.fromstring"),
        "a tree inside lxml",
    ),
    "mmap.mmap": "a file mapped into memory",
    "numpy.nditer": "an iterator over an array",
}
# Of these one made anew serves as well.
ANEW = frozenset({"a socket", "a pool of processes", "a database connection"})
ROOTS = frozenset(name.partition(".")[0] for name in NEVER)
OWN_FUNCTIONS = frozenset({"create_aggregate", "create_collation", "create_function", "create_window_function"})
DATA = frozenset({"DMatrix", "Dataset", "QuantileDMatrix"})  # of XGBoost and LightGBM
THREADS = frozenset({"threading.Thread", "threading.Timer", "Thread", "Timer"})
# Calls that open what is there anyway, by the last part of their name.
OPENERS = frozenset({"Draw", "ExcelFile", "frompyfunc", "ParquetFile", "create_engine", "open_dataset"}) | DATA
# Addresses of databases that are in no file.
IN_MEMORY = frozenset({"sqlite://", "sqlite:///", "sqlite:///:memory:", "duckdb:///:memory:"})
# Methods that give what comes next only when they are asked.
ASKED = frozenset({"finditer", "iterrows", "itertuples"})
# Calls that look at their arguments only when they are asked for the next value.
LAZY = frozenset({"enumerate", "filter", "iter", "map", "range", "reversed", "zip"})
LAZY_METHODS = frozenset({"items", "keys", "values"})
