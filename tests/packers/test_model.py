"""What a rehearsal asks a model comes from all of the held-out rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from nb2prod.candidates.candidate import Candidate, Rows
from nb2prod.packers.fields import learn
from nb2prod.packers.model import asked


def test_a_rehearsal_asks_rows_from_all_over() -> None:
    frame = pd.DataFrame({"x": np.arange(2000.0)})
    model = LinearRegression().fit(frame, frame["x"])
    rows = Rows(x=frame, y=frame["x"])
    found = Candidate(name="m", cell=0, kind="regression", model=model, train=rows, held=rows)

    held = asked(found, learn(found))

    assert len(held.rows) == 500
    assert held.rows[-1] == {"x": 1996.0}
    assert held.predictions[-1] == pytest.approx(1996)
    assert held.probabilities is None
