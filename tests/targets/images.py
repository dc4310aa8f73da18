"""Images for tests: an engine with a store of its own, and a base made of this Python, as no registry is asked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
LEFT_OUT = ("site-packages", "dist-packages", "test", "tests", "idlelib", "tkinter", "turtledemo", "lib2to3")
LEFT_OUT += ("__pycache__", "config-*", "EXTERNALLY-MANAGED", "_tkinter*", "nis*", "_dbm*", "_gdbm*")


def environment(folder: Path) -> dict[str, str]:
    """Give an engine a store below a folder, and the isolation that needs no kernel's help."""
    conf = folder / "storage.conf"
    conf.write_text(
        f'[storage]\ndriver = "vfs"\nrunroot = "{folder / "run"}"\ngraphroot = "{folder / "store"}"\n', encoding="utf-8"
    )
    return {"CONTAINERS_STORAGE_CONF": str(conf), "STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}


def base(folder: Path, environ: dict[str, str], name: str) -> None:
    """Make an image that stands for Python's slim one: this interpreter, what it links to, and BusyBox for a shell."""
    root = folder / "root"
    _python(root)
    (root / "bin").mkdir()
    shutil.copy(str(shutil.which("busybox")), root / "bin" / "busybox")
    for command in ("sh", "cat", "mkdir"):
        (root / "bin" / command).symlink_to("busybox")
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)
    (root / "etc").mkdir()
    (root / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n", encoding="utf-8")
    made = _said(["buildah", "from", "scratch"], environ)
    _said(["buildah", "add", "--quiet", made, str(root), "/"], environ)
    _said(["buildah", "config", "--env", "PATH=/usr/local/bin:/usr/bin:/bin", made], environ)
    _said(["buildah", "commit", "--quiet", "--rm", made, name], environ)
    shutil.rmtree(root)


def _python(root: Path) -> None:
    home = root / "usr" / "local"
    library = home / "lib" / f"python{VERSION}"
    shutil.copytree(sysconfig.get_path("stdlib"), library, ignore=shutil.ignore_patterns(*LEFT_OUT))
    (home / "bin").mkdir()
    interpreter = Path(os.path.realpath(sys.executable))
    shutil.copy(interpreter, home / "bin" / f"python{VERSION}")
    for short in ("python", "python3"):
        (home / "bin" / short).symlink_to(f"python{VERSION}")
    (library / "site-packages").mkdir()
    for wheel in (library / "ensurepip" / "_bundled").glob("pip-*.whl"):
        zipfile.ZipFile(wheel).extractall(library / "site-packages")
    for linked in {interpreter, *library.glob("lib-dynload/*.so")}:
        for path in _links(linked):
            there = root / str(path).lstrip("/")
            if not there.exists():
                there.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, there)
    # Packages bring extensions that link to these.
    for name in ("libstdc++.so.6", "libgcc_s.so.1", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libutil.so.1"):
        found = next((p for p in Path("/lib").glob(f"*-linux-gnu/{name}")), None) or next(
            iter(Path("/usr/lib").glob(f"*-linux-gnu/{name}")), None
        )
        if found is not None:
            there = root / str(found).lstrip("/")
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(found, there)


def _links(path: Path) -> list[Path]:
    said = subprocess.run(["ldd", str(path)], capture_output=True, text=True, check=False).stdout
    words = (line.split("=>")[-1].split() for line in said.splitlines())
    return [Path(word[0]) for word in words if word and word[0].startswith("/")]


def _said(command: list[str], environ: dict[str, str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environ})
    assert done.returncode == 0, (command, done.stderr[-3000:])
    return done.stdout.strip().split("\n")[-1]
