from __future__ import annotations

from books import parsed

from nb2prod.changes import Ran, between


def ran(*sources: str, run: str = "r", **result: object) -> Ran:
    return Ran(result={"run": run, **result}, book=parsed(*sources))


def test_changes_are_those_of_values_code_and_what_flows() -> None:
    found = between(
        ran("%%stage a\nx = 1", "%%stage b\nprint(x)", run="1", parameters={"n": 1}, metrics={"f1": 0.5, "auc": 0.7}),
        ran(
            "%%stage a\nx = y = 2", "%%stage c\nprint(y)", run="2", parameters={"n": 2}, metrics={"f1": 0.6, "auc": 0.7}
        ),
    )

    assert found["runs"] == ["1", "2"]
    assert found["parameters"] == [{"name": "n", "one": 1, "other": 2}]
    assert [(m["name"], m["one"], m["other"]) for m in found["metrics"]] == [("f1", 0.5, 0.6), ("auc", 0.7, 0.7)]
    assert [(s["name"], s["change"]) for s in found["stages"]] == [("a", "changed"), ("b", "removed"), ("c", "added")]
    assert found["stages"][0]["diff"][1:] == ["-x = 1", "+x = y = 2"]
    assert found["edges"] == {
        "added": [{"from": "a", "to": "c", "name": "y"}],
        "removed": [{"from": "a", "to": "b", "name": "x"}],
    }


def test_a_run_does_not_differ_from_itself() -> None:
    one = ran("%%stage a\nx = 1", parameters={"n": 1})
    found = between(one, one)

    assert found["parameters"] == []
    assert [(s["change"], s["diff"]) for s in found["stages"]] == [("same", [])]
