"""Only what was started is asked and stopped."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time

import psutil

from nb2prod.hosting import process
from nb2prod.hosting.process import Running


def test_a_free_port_is_free_and_a_taken_one_is_not() -> None:
    with socket.create_server((process.HOST, 0)) as taken:
        assert not process.is_free(taken.getsockname()[1])
    assert process.is_free(process.free_port())


def test_a_process_with_the_same_number_but_another_start_is_not_stopped() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)

    process.stop(Running(pid=child.pid, port=1, started=1.0, family=((child.pid, 2.0),)))

    assert child.poll() is None
    child.communicate(b"\n")


def test_a_process_and_all_it_started_are_stopped() -> None:
    sleep = "import time; time.sleep(60)"
    script = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {sleep!r}]); {sleep}"
    child = subprocess.Popen([sys.executable, "-c", script], start_new_session=True)
    own = psutil.Process(child.pid)
    while not (inner := own.children()):
        assert child.poll() is None

    process.stop(Running(pid=child.pid, port=1, started=own.create_time()))

    assert child.wait() is not None
    assert not inner[0].is_running() or inner[0].status() == psutil.STATUS_ZOMBIE


def test_a_child_of_ours_that_was_stopped_is_no_zombie() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    process.keep(child)

    process.stop(Running(pid=child.pid, port=1, started=psutil.Process(child.pid).create_time()))

    assert child.returncode is not None
    assert not psutil.pid_exists(child.pid)


def test_one_that_ended_is_not_waited_for_because_its_parent_has_not_heard_of_it() -> None:
    sleep = "import time; time.sleep(60)"
    # It keeps the child: what is thrown away looks after its process at once.
    script = f"import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', {sleep!r}]); {sleep}"
    parent = subprocess.Popen([sys.executable, "-c", script])  # as a Jupyter server whose service a gateway ends
    while not (found := psutil.Process(parent.pid).children()):
        assert parent.poll() is None
    began = time.monotonic()
    process.stop(Running(pid=found[0].pid, port=1, started=found[0].create_time()))
    took = time.monotonic() - began

    assert found[0].status() == psutil.STATUS_ZOMBIE
    assert took < process.GRACE / 2
    parent.kill()
    parent.wait()


def test_a_process_that_lives_but_does_not_listen_does_not_answer() -> None:
    me = psutil.Process(os.getpid())

    assert not process.answers(Running(pid=me.pid, port=process.free_port(), started=me.create_time()))
