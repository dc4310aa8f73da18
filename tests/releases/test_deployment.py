"""A deployment says what is live, what is tried, and how that came to be; each change is a new value."""

from __future__ import annotations

from pathlib import Path

import pytest

from nb2prod.errors.deployments import DeploymentUnknown, NothingBefore, NothingLive, ShareWrong
from nb2prod.releases import deployment
from nb2prod.releases.deployment import Deployment

A, B, C = (f"churn-20261122-00000{n}-ab12cd" for n in range(3))


def fresh() -> Deployment:
    return Deployment(notebook="churn.ipynb", port=3000)


def test_what_was_live_is_what_one_rolls_back_to() -> None:
    now = fresh().promoted(A).promoted(B).promoted(C)
    back = now.rolled_back("wrong answers")

    assert (now.live, now.before) == (C, (A, B))
    assert (back.live, back.before) == (B, (A,))
    assert back.rolled_back().live == A
    assert (back.history[-1].verb, back.history[-1].note, back.history[-1].instead_of) == (
        "rollback", "wrong answers", C,
    )  # fmt: skip


def test_what_is_live_already_is_promoted_again_without_a_trace_in_what_was_before() -> None:
    assert fresh().promoted(A).promoted(A).before == ()


def test_a_canary_gets_a_share_until_it_is_promoted_or_withdrawn() -> None:
    tried = fresh().promoted(A).tried(B, 0.1)

    assert tried.roles == {A: "live", B: "canary"}
    assert tried.promoted(B).roles == {B: "live"}
    assert tried.rolled_back().roles == {A: "live"}
    assert tried.rolled_back().history[-1].verb == "withdraw"


def test_a_release_has_one_role() -> None:
    now = fresh().promoted(A).shadowed(B).tried(B, 0.2)

    assert now.roles == {A: "live", B: "canary"}
    assert now.shadowed(B).roles == {A: "live", B: "shadow"}


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, float("nan")])
def test_a_share_is_between_nothing_and_all(share: float) -> None:
    with pytest.raises(ShareWrong, match="NB434"):
        fresh().promoted(A).tried(B, share)


def test_what_is_live_is_not_tried_beside_itself() -> None:
    with pytest.raises(ShareWrong):
        fresh().promoted(A).shadowed(A)
    with pytest.raises(NothingLive, match="NB433"):
        fresh().tried(A, 0.5)


def test_there_may_be_nothing_to_go_back_to() -> None:
    with pytest.raises(NothingBefore, match="NB432"):
        fresh().promoted(A).rolled_back()


def test_after_a_stop_one_can_roll_back() -> None:
    assert fresh().promoted(A).stopped().rolled_back().live == A


def test_it_is_kept_whole_and_read_back_as_it_was(tmp_path: Path) -> None:
    folder = deployment.folder_of(tmp_path, "models/churn.ipynb")
    now = fresh().promoted(A).tried(B, 0.25, "a try")
    deployment.write(folder, now)

    assert deployment.read(folder) == now
    assert deployment.deployments(tmp_path) == (now,)
    assert deployment.name_of(folder) == "models/churn.ipynb"


@pytest.mark.parametrize("name", ["", ".", "..", "nothing.ipynb"])
def test_a_notebook_that_was_never_promoted_has_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(DeploymentUnknown, match="NB431"):
        deployment.read(deployment.folder_of(tmp_path, name))


def test_a_name_never_leads_elsewhere(tmp_path: Path) -> None:
    assert deployment.folder_of(tmp_path, "../../etc").parent == tmp_path / "deployments"
