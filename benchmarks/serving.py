"""Serving: the churn model behind nb2prod's service, MLflow's, plain BentoML's and a bare Starlette app, in one run.

    python benchmarks/serving.py [--seconds 2] [--rounds 5] [--peers FOLDER] [--bad]

Each server has one worker and an environment of its own, made from PyPI. The rounds are interleaved, so that whatever
else the machine does falls on all alike; what is compared are ratios within a round. `--bad` asks each server every bad
input instead.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import bad_inputs
from attrs import frozen
from uv import find_uv_bin

from nb2prod import api, settings
from nb2prod.hosting import process
from nb2prod.releases import release
from nb2prod.shipping import load
from nb2prod.shipping.load import Seen

ROWS = 10_000  # of a request in bulk
HERE = Path(__file__).parent
CHURN = HERE.parent / "examples" / "churn"
ROLES = {"number": "total_day_minutes", "integer": "account_length", "text": "state", "category": "international_plan"}
NEEDS = {
    "mlflow": ["mlflow>=3", "scikit-learn", "pandas", "pyarrow"],
    "bentoml": ["bentoml>=1.4", "scikit-learn", "pandas"],
    "starlette": [
        "starlette",
        "uvicorn[standard]",
        "attrs",
        "prometheus-client",
        "pydantic-core",
        "scikit-learn",
        "pandas",
    ],
}


@frozen(kw_only=True)
class Server:
    """A server that is up."""

    name: str
    port: int
    pid: int
    path: str
    wrap: Any  # rows → body


def main() -> None:
    """Measure, and print two tables."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        service, example = shipped(Path(folder))
        peers = Path(options.peers or folder) / "peers"
        servers = [stack.enter_context(one) for one in _servers(service, peers, Path(folder))]
        if options.bad:
            _print_bad(servers, example)
            return
        rounds = [
            {
                server.name: load.measure(
                    server.port,
                    [load.request(server.path, json.dumps(server.wrap([example])).encode(), server.port)],
                    seconds=options.seconds,
                    connections=options.connections,
                    pid=server.pid,
                )
                for server in servers
            }
            for _ in range(options.rounds)
        ]
        _print(rounds, [server.name for server in servers])
        _print_bulk(servers, example, options.rounds)


def _options() -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--peers", help="folder that keeps the peers' environments")
    parser.add_argument("--bad", action="store_true", help="ask the bad inputs instead")
    return parser.parse_args()


def shipped(folder: Path) -> tuple[Path, dict[str, Any]]:
    """Ship the churn notebook; return its service's folder and a row of it."""
    work = folder / "churn"
    shutil.copytree(CHURN, work, ignore=shutil.ignore_patterns(".*"))
    # By default a category that the model was told to ignore is answered with a warning; here it is a bad input.
    (work / "pyproject.toml").write_text('[tool.nb2prod.policy]\nunknown = "refuse"\n', encoding="utf-8")
    os.environ["BENTOML_HOME"] = str(folder / "bentoml")
    result = api.ship(work / "churn.ipynb", api.Options(verify=False))
    assert result["ok"], result["error"]
    home = settings.home_of(work / "churn.ipynb")
    print("rehearsal:", json.dumps(result["rehearsal"]))
    return release.folder_of(home, result["release"]) / "service", release.example(home, result["release"])


def _servers(service: Path, peers: Path, folder: Path) -> Iterator[Any]:
    ours = {"SERVICE_MAX_BODY": ""}
    command = [sys.executable, "-m", "bentoml", "serve", "service", "--host", "127.0.0.1", "--port"]
    yield _served("nb2prod", command, service, "/predict", lambda rows: {"rows": rows}, ours)
    python = _environment(peers, "starlette")
    shutil.copy(HERE / "peers" / "bare.py", service / "bare.py")
    command = [python, "-m", "uvicorn", "bare:app", "--no-access-log", "--log-level", "warning", "--port"]
    yield _served("starlette, same fast path", command, service, "/predict", lambda rows: {"rows": rows})
    python = _environment(peers, "bentoml")
    shutil.copy(HERE / "peers" / "plain_bento.py", service / "plain_bento.py")
    command = [python, "-m", "bentoml", "serve", "plain_bento", "--host", "127.0.0.1", "--port"]
    yield _served("BentoML, DataFrame", command, service, "/predict", lambda rows: {"rows": rows})
    python = _environment(peers, "mlflow")
    saved = folder / "mlflow-model"
    subprocess.run([python, str(HERE / "peers" / "save_mlflow.py"), str(service), str(saved)], check=True, cwd=service)
    command = [python, "-m", "mlflow", "models", "serve", "-m", str(saved), "--env-manager", "local", "-w", "1", "-p"]
    wrap = lambda rows: {"dataframe_records": rows}  # noqa: E731
    yield _served("MLflow", command, folder, "/invocations", wrap, path=str(Path(python).parent))


def _environment(peers: Path, name: str) -> str:
    """Make an environment, unless it is there, and return its interpreter."""
    place = peers / name
    python = place / "bin" / "python"
    if not python.exists():
        uv, quiet = find_uv_bin(), {"check": True, "stdout": subprocess.DEVNULL}
        pinned = [f"{one}=={_version(one)}" if one in {"scikit-learn", "pandas"} else one for one in NEEDS[name]]
        subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(place)], **quiet)
        subprocess.run([uv, "pip", "install", "-q", "--compile-bytecode", "--python", str(python), *pinned], **quiet)
    return str(python)


def _version(name: str) -> str:
    from importlib.metadata import version

    return version(name)


@contextmanager
def _served(
    name: str,
    command: list[str],
    folder: Path,
    path_of: str,
    wrap: Any,
    environ: Mapping[str, str] | None = None,
    *,
    path: str = "",
) -> Iterator[Server]:
    port = process.free_port()
    own = {k: v for k, v in os.environ.items() if k not in {"VIRTUAL_ENV", "PYTHONPATH"}} | {"OMP_NUM_THREADS": "1"}
    own |= {"BENTOML_DO_NOT_TRACK": "True", "MLFLOW_DISABLE_TELEMETRY": "true"} | dict(environ or {})
    own["PATH"] = f"{path}:{own['PATH']}" if path else own["PATH"]
    log = Path(tempfile.gettempdir()) / f"serving-{port}.log"
    with log.open("wb") as said:
        child = subprocess.Popen(
            [*command, str(port)], cwd=folder, env=own, stdout=said, stderr=said, start_new_session=True
        )
    try:
        _wait(port, child, log)
        yield Server(name=name, port=port, pid=child.pid, path=path_of, wrap=wrap)
    finally:
        os.killpg(child.pid, signal.SIGTERM)
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        log.unlink()


def _wait(port: int, child: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        if child.poll() is not None:
            break
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/readyz")  # some know no such path, and answer all the same
            if connection.getresponse().status < 500:
                return
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.2)
    raise RuntimeError(log.read_text(encoding="utf-8", errors="replace")[-3000:])


def _print(rounds: list[dict[str, Seen]], names: list[str]) -> None:
    heads = ("requests/s", "CPU ms", "p50 ms", "p99 ms", "ours is", "in CPU")
    print(f"\n{'one row a request':28}" + "".join(f"{head:>11}" for head in heads))
    for name in names:
        seen = [one[name] for one in rounds]
        bad = {status: n for one in seen for status, n in one.statuses.items() if status != 200}
        assert not bad, (name, bad, seen[-1].last[:500])
        ours = [one["nb2prod"] for one in rounds]
        numbers = [
            [s.rate for s in seen],
            [s.cpu_ms for s in seen],
            [s.quantile(0.5) for s in seen],
            [s.quantile(0.99) for s in seen],
            [o.rate / s.rate for o, s in zip(ours, seen, strict=True)],
            [s.cpu_ms / o.cpu_ms for o, s in zip(ours, seen, strict=True)],
        ]
        print(f"{name:28}" + "".join(f"{statistics.median(values):11.2f}" for values in numbers))


def _print_bulk(servers: list[Server], example: dict[str, Any], rounds: int) -> None:
    """Ask for many rows at once: ours as Arrow and as JSON, the peers as JSON."""
    import pandas
    import pyarrow as pa

    known = pandas.read_csv(CHURN / "churn.csv")[list(example)].to_dict("records")
    many = list(islice(cycle(known), ROWS))
    out = pa.BufferOutputStream()
    table = pa.Table.from_pylist(many)
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table)
    asked = {f"{s.name}, JSON": (s, json.dumps(s.wrap(many)).encode(), "application/json") for s in servers}
    ours = next(s for s in servers if s.name == "nb2prod")
    asked = {"nb2prod, Arrow": (ours, bytes(out.getvalue()), "application/vnd.apache.arrow.stream"), **asked}
    seen: dict[str, list[Seen]] = {name: [] for name in asked}
    for _ in range(rounds):
        for name, (server, body, kind) in asked.items():
            request = load.request(server.path, body, server.port, kind)
            seen[name].append(load.measure(server.port, [request], seconds=1.5, connections=1, pid=server.pid))
    print(f"\n{f'{ROWS:,} rows a request':28}{'rows/s':>11}{'CPU ms':>11}{'Arrow is':>11}{'in CPU':>11}")
    fast = seen["nb2prod, Arrow"]
    for name, values in seen.items():
        assert all(set(s.statuses) == {200} for s in values), (name, values[-1].last[:500])
        ratio = statistics.median(f.rate / s.rate for f, s in zip(fast, values, strict=True))
        spent = statistics.median(s.cpu_ms / f.cpu_ms for f, s in zip(fast, values, strict=True))
        rate, cpu = statistics.median(s.rate for s in values) * ROWS, statistics.median(s.cpu_ms for s in values)
        print(f"{name:28}{rate:11.0f}{cpu:11.1f}{ratio:11.2f}{spent:11.2f}")


def _print_bad(servers: list[Server], example: dict[str, Any]) -> None:
    servers = [server for server in servers if not server.name.startswith("starlette")]
    found = {s.name: [_asked(s, bad) for bad in bad_inputs.every(example, s.wrap, **ROLES)] for s in servers}
    names = [bad.name for bad in bad_inputs.every(example, lambda rows: rows, **ROLES)]
    print(f"| {'bad input':42} | " + " | ".join(server.name for server in servers) + " |")
    print("|---" * (len(servers) + 1) + "|")
    for number, name in enumerate(names):
        print(f"| {name:42} | " + " | ".join(str(found[server.name][number]) for server in servers) + " |")
    for server in servers:
        said = found[server.name]
        wrong = sum(s == 200 for s in said), sum(isinstance(s, int) and s >= 500 for s in said)
        print(f"{server.name}: of {len(said)} bad inputs, {wrong[0]} answered with 200 and {wrong[1]} with 5xx")


def _asked(server: Server, bad: bad_inputs.Bad) -> int | str:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.request(bad.method, server.path, bad.body, dict(bad.headers))
        return connection.getresponse().status
    except (BrokenPipeError, ConnectionResetError):
        return _hung_up(connection)
    except (OSError, http.client.HTTPException) as wrong:
        return type(wrong).__name__
    finally:
        connection.close()


def _hung_up(connection: http.client.HTTPConnection) -> int | str:
    """A server may answer before it has read everything."""
    try:
        return http.client.HTTPResponse(connection.sock, method="POST").status or "hung up"
    except (OSError, http.client.HTTPException):
        return "hung up"


if __name__ == "__main__":
    main()
