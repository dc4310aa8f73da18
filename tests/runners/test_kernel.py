from __future__ import annotations

import pytest

from nb2prod.runners.base import Runner
from nb2prod.runners.kernel import KernelRunner
from runners.contract import RunnerContract


@pytest.mark.kernel
class TestKernelRunner(RunnerContract):
    @pytest.fixture
    def runner(self) -> Runner:
        return KernelRunner()
