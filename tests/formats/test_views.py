"""Views: arrays still look at the memory they looked at, and keep the class they are of."""

from __future__ import annotations

import numpy as np
import pytest
from test_objects import moved, space

MADE = {
    "objects": "a = np.array([1, 'x', None, []], dtype=object)\nv = a[1:3]",
    "objects in columns": "a = np.empty((2, 3), dtype=object, order='F')\nv = a[:, 1]",
    "a matrix": "a = np.arange(6).reshape(2, 3)\nv = a.view(np.matrix)[1]",
    "a field": "a = np.zeros(3, dtype=[('x', 'i4'), ('y', 'f8')])\nv = a['y']",
    "records": "a = np.zeros(3, dtype=[('x', 'i4'), ('y', 'f8')]).view(np.recarray)\nv = a.y",
}


@pytest.mark.parametrize("code", MADE.values(), ids=MADE)
def test_a_change_of_a_view_is_seen_in_its_base(code: str) -> None:
    names = space(f"import numpy as np\n{code}")
    there = moved(names, "a", "v")
    for names_ in (names, there):
        names_["v"].flat[0] = 7

    assert there["a"].tolist() == names["a"].tolist()
    assert type(there["v"]) is type(names["v"])


def test_a_class_of_arrays_keeps_what_it_has_set_on_them() -> None:
    names = space(
        "import numpy as np\n"
        "class Info(np.ndarray):\n    def __array_finalize__(self, other): self.info = getattr(other, 'info', None)\n"
        "a = np.arange(3).view(Info)\na.info = {'k': 1}\nv = a[1:]"
    )
    there = moved(names, "Info", "a", "v")
    there["v"][0] = 9

    assert there["a"].tolist() == [0, 9, 2]
    assert there["a"].info == there["v"].info == {"k": 1}
    assert type(there["a"]) is there["Info"]


def test_a_file_mapped_into_memory_is_mapped_again(tmp_path: object) -> None:
    names = space(
        f"import numpy as np\nm = np.memmap({str(tmp_path)!r} + '/m', dtype='f8', mode='w+', shape=3)\nm[:] = 1"
    )
    there = moved(names, "m")
    there["m"][0] = 5
    there["m"].flush()

    assert type(there["m"]) is np.memmap
    assert names["m"].tolist() == [5.0, 1.0, 1.0]
