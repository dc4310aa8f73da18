"""What stages that run at once share."""

from __future__ import annotations

import threading
import time

import pytest

from nb2prod.errors.base import Place
from nb2prod.errors.runs import ResourcesMissing
from nb2prod.execution.machine import Ask, Machine


def test_a_stage_waits_until_there_is_what_it_asks_for() -> None:
    machine = Machine(jobs=4, cpus=4, memory=10, gpus=0)
    began = []

    def second() -> None:
        with machine.given(Ask(memory=6), 1, bool):
            began.append(time.monotonic())

    thread = threading.Thread(target=second)
    with machine.given(Ask(memory=6), 0, bool):
        thread.start()
        time.sleep(0.1)
        ended = time.monotonic()
    thread.join()

    assert began[0] >= ended


def test_small_stages_run_at_once_up_to_the_number_of_jobs() -> None:
    machine = Machine(jobs=2, cpus=8, memory=10, gpus=0)
    with machine.given(Ask(), 0, bool):
        assert machine.fits(Ask())
        with machine.given(Ask(), 1, bool):
            assert not machine.fits(Ask())


def test_a_stage_alone_gets_all_there_is() -> None:
    machine = Machine(jobs=1, cpus=4, memory=10, gpus=1)

    assert machine.fits(Ask(cpus=4, memory=10, gpus=1))


@pytest.mark.parametrize("ask", [Ask(cpus=5), Ask(memory=11), Ask(gpus=1)])
def test_a_stage_that_could_never_run_is_refused(ask: Ask) -> None:
    machine = Machine(jobs=2, cpus=4, memory=10, gpus=0)

    with pytest.raises(ResourcesMissing, match="NB220: The stage asks for"):
        machine.refuse(ask, Place(stage="train"))
