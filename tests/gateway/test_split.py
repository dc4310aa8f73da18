"""The same client meets the same release, and the share is kept over many."""

from __future__ import annotations

import pytest

from nb2prod.gateway.split import Split, client_of

TRIED = Split(live="a", canary="b", share=0.2)


def test_without_a_canary_all_go_to_what_is_live() -> None:
    assert {Split(live="a").choose(client) for client in (None, "x", "y")} == {"a"}


def test_a_client_meets_the_same_release_each_time() -> None:
    for client in map(str, range(50)):
        assert len({TRIED.choose(client) for _ in range(5)}) == 1


@pytest.mark.parametrize("clients", [[None] * 5000, [f"key {n}" for n in range(5000)]])
def test_the_share_is_kept_over_many(clients: list[str | None]) -> None:
    canary = sum(TRIED.choose(client) == "b" for client in clients)

    assert 0.17 < canary / len(clients) < 0.23


def test_not_the_same_clients_try_every_release() -> None:
    other = Split(live="a", canary="c", share=0.2)
    first = {client for client in map(str, range(1000)) if TRIED.choose(client) == "b"}
    second = {client for client in map(str, range(1000)) if other.choose(client) == "c"}

    assert 0.1 < len(first & second) / len(second) < 0.35


@pytest.mark.parametrize(
    ("headers", "peer", "client"),
    [
        ({"Authorization": "Bearer k", "X-Forwarded-For": "8.8.8.8"}, "127.0.0.1", "key Bearer k"),
        ({"X-API-Key": "k"}, "127.0.0.1", "key k"),
        ({"X-Forwarded-For": "127.0.0.1, 8.8.8.8"}, "127.0.0.1", "address 8.8.8.8"),
        ({}, "10.0.0.7", "address 10.0.0.7"),
        ({}, "127.0.0.1", None),
        ({"X-Forwarded-For": "unknown"}, "::1", None),
        ({}, None, None),
    ],
)
def test_a_client_is_told_by_its_key_or_its_address(
    headers: dict[str, str], peer: str | None, client: str | None
) -> None:
    assert client_of(headers, peer) == client
