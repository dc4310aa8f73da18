"""Handles: what belongs to a process is made again in another one at the point it was at."""

from __future__ import annotations

import contextvars
import io
import logging
import sqlite3
import sys
import tempfile
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from nb2prod.formats import objects
from nb2prod.formats.reducers import Unkeepable


def moved(value: Any) -> Any:
    pickled = objects.dumps({"value": value}, {})
    return objects.loads(pickled.stream, {}, pickled.buffers)["value"]


def test_a_file_is_read_on_from_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one\ntwo\nthree\n")
    with path.open() as file:
        file.readline()
        with moved(file) as again:
            assert (again.readline(), again.name, again.mode) == ("two\n", str(path), "r")


def test_a_file_that_a_loop_has_read_ahead_is_at_the_right_line(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("héad\n1\n2\n")
    with path.open() as file:
        next(file)
        with moved(file) as again:
            assert list(again) == ["1\n", "2\n"]
        assert list(file) == ["1\n", "2\n"]


@pytest.mark.parametrize("mode", ["w", "a", "x", "w+"])
def test_a_file_is_written_on_where_it_was(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.txt"
    with path.open(mode) as file:
        file.write("one")
        with moved(file) as again:
            again.write("two")

    assert path.read_text() == "onetwo"
    assert again.mode == mode


def test_bytes_are_written_on_too_by_a_writer_of_the_same_kind(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    with path.open("wb") as file:
        file.write(b"one")
        with moved(file) as again:
            again.write(b"two")

    assert path.read_bytes() == b"onetwo"
    assert type(again) is io.BufferedWriter


def test_a_closed_file_stays_closed_whether_or_not_it_is_still_there(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with path.open("w") as file:
        pass
    path.unlink()
    again = moved(file)

    assert again.closed
    assert again.name == str(path)


def test_a_file_without_a_name_is_refused() -> None:
    with tempfile.TemporaryFile() as file, pytest.raises(Unkeepable):
        moved(file)


def test_what_is_printed_to_goes_where_this_process_prints() -> None:
    assert moved(sys.stdout) is sys.stdout


def test_a_log_handler_still_writes_to_the_same_stream() -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s!"))
    again = moved(handler)

    assert again.stream is sys.stdout
    assert again.format(logging.makeLogRecord({"msg": "a"})) == "a!"


def test_a_temporary_folder_comes_with_what_is_in_it() -> None:
    with tempfile.TemporaryDirectory() as name:
        pass
    folder = tempfile.TemporaryDirectory()
    (Path(folder.name) / "a.txt").write_text("one")
    pickled = objects.dumps({"folder": folder}, {})
    name = folder.name
    folder.cleanup()
    again = objects.loads(pickled.stream, {})["folder"]

    assert again.name == name
    assert (Path(name) / "a.txt").read_text() == "one"
    again.cleanup()
    assert not Path(name).exists()


def test_a_database_in_memory_comes_along_whole_as_often_as_it_moves() -> None:
    with sqlite3.connect(":memory:") as first:
        first.row_factory = sqlite3.Row
        first.execute("create table t (a)")
        first.execute("insert into t values (1)")
    second = moved(first)
    second.execute("insert into t values (2)")
    second.commit()
    third = moved(second)
    rows = third.execute("select a from t").fetchall()
    for connection in (first, second, third):
        connection.close()

    assert [row["a"] for row in rows] == [1, 2]


def test_changes_that_are_not_committed_move_with_a_database_in_memory() -> None:
    moving = sqlite3.connect(":memory:")
    moving.execute("create table t (a)")
    moving.commit()
    begun = []
    for number in range(3):
        moving.execute("insert into t values (?)", (number,))
        begun.append(moving)
        moving = moved(moving)
    found = moving.execute("select count(*) from t").fetchall()
    for connection in (*begun, moving):
        connection.close()

    assert found == [(3,)]


def test_a_database_with_changes_that_a_file_has_not_got_is_refused(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "a.db")
    connection.execute("create table t (a)")
    connection.execute("insert into t values (1)")
    with pytest.raises(Unkeepable, match="committed"):
        moved(connection)
    connection.commit()
    again = moved(connection)
    found = again.execute("select a from t").fetchall()
    connection.close()
    again.close()

    assert found == [(1,)]


def test_a_database_with_functions_of_the_notebook_is_refused() -> None:
    connection = sqlite3.connect(":memory:")
    connection.create_function("twice", 1, lambda v: 2 * v)
    with pytest.raises(Unkeepable, match="functions"):
        moved(connection)
    connection.close()


def test_a_cursor_that_may_have_rows_is_refused() -> None:
    connection = sqlite3.connect(":memory:")
    cursor = connection.execute("select 1")
    with pytest.raises(Unkeepable, match="rows"):
        moved(cursor)
    connection.close()


def test_a_thread_that_has_ended_has_ended_and_one_that_has_not_begun_can_begin() -> None:
    ended = threading.Thread(target=lambda: None, name="a")
    ended.start()
    ended.join()
    seen: list[int] = []
    waiting, there = moved((threading.Thread(target=seen.append, args=(1,)), seen))
    again = moved(ended)
    waiting.start()
    waiting.join()

    assert (again.is_alive(), again.ident is None, again.name) == (False, False, "a")
    assert there == [1]


def test_a_thread_that_runs_is_refused() -> None:
    go = threading.Event()
    thread = threading.Thread(target=go.wait)
    thread.start()
    with pytest.raises(Unkeepable, match="runs"):
        moved(thread)
    go.set()
    thread.join()


def test_a_result_is_kept_when_it_is_there() -> None:
    future: Future[int] = Future()
    with pytest.raises(Unkeepable, match="computed"):
        moved(future)
    future.set_result(3)

    assert moved(future).result() == 3


def test_a_context_variable_keeps_its_value_and_default() -> None:
    variable = contextvars.ContextVar("v", default=1)
    assert moved(variable).get() == 1
    variable.set(5)
    again = moved(variable)

    assert again.get() == 5
    assert contextvars.Context().run(again.get) == 1


def test_a_generator_is_kept_only_when_it_has_nothing_left_to_give() -> None:
    numbers = (n for n in range(2))
    with pytest.raises(Unkeepable):
        moved(numbers)
    list(numbers)

    assert list(moved(numbers)) == []
