from __future__ import annotations

from books import document

from nb2prod import page, schema
from nb2prod.report import Report


def test_a_kernel_without_a_display_name_has_a_page_all_the_same() -> None:
    raw = document("x = 1")
    del raw["metadata"]["kernelspec"]["display_name"]
    assert "<html" in page.render(
        raw, schema.report(Report(run="20260101-000000-abcdef", notebook="x.ipynb", outcomes=()))
    )
