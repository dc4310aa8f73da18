from __future__ import annotations

import psutil
import pytest

from nb2prod.startup import birth


def test_it_is_what_others_see() -> None:
    assert birth.began() == pytest.approx(psutil.Process().create_time(), abs=0.1)
