"""A gateway passes requests on, and changes where they go without losing or altering one."""

from __future__ import annotations

import asyncio
import io
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError

from gateway.services import A, B, C, staged
from nb2prod.gateway import mirror, server
from nb2prod.releases import deployment


def going(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 60))


def test_a_request_and_its_answer_pass_unaltered(tmp_path: Path) -> None:
    async def work() -> None:
        async with staged(tmp_path) as stage:
            path = "/predict/a%2Fb?x=%20y&x=2"
            more = {"headers": {"X-Mine": "1", "Connection": "x-secret", "X-Secret": "1"}, "data": b"{}"}
            async with stage.client.put(f"{stage.url}{path}", **more) as reply:
                seen = stage.services[A].asked[-1]
                assert (seen["method"], seen["path"], seen["size"]) == ("PUT", path, 2)
                assert seen["headers"]["X-Mine"] == "1"
                assert seen["headers"]["Host"] == stage.url.removeprefix("http://")
                assert "X-Secret" not in seen["headers"]
                assert (reply.headers["X-Own"], reply.headers["X-Release"]) == (A, A)
                assert "X-Hop" not in reply.headers

    going(work())


@pytest.mark.parametrize(("given", "seen"), [(None, "127.0.0.1"), ("8.8.8.8", "8.8.8.8, 127.0.0.1")])
def test_the_address_of_a_client_is_told_to_the_service(tmp_path: Path, given: str | None, seen: str) -> None:
    async def work() -> None:
        async with staged(tmp_path) as stage:
            await stage.ask(headers={"X-Forwarded-For": given} if given else {})
            assert stage.services[A].asked[-1]["headers"]["X-Forwarded-For"] == seen

    going(work())


def test_answers_without_a_body_are_passed_as_they_are(tmp_path: Path) -> None:
    async def work() -> None:
        async with staged(tmp_path) as stage, stage.client.get(f"{stage.url}/empty") as reply:
            assert (reply.status, await reply.read()) == (204, b"")
            async with stage.client.head(f"{stage.url}/metrics") as head:
                assert (head.status, head.headers["Content-Length"]) == (200, "13")

    going(work())


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_body_is_passed_on_piece_by_piece(tmp_path: Path, chunked: bool) -> None:
    size = 5 * 2**20

    async def pieces() -> Any:
        for _ in range(5):
            yield bytes(2**20)

    async def work() -> None:
        async with staged(tmp_path) as stage:
            status, _, _ = await stage.ask(data=pieces() if chunked else io.BytesIO(bytes(size)))
            assert (status, stage.services[A].asked[-1]["size"]) == (200, size)

    going(work())


def test_a_long_answer_is_passed_on_piece_by_piece_and_half_of_one_is_not_taken_for_whole(tmp_path: Path) -> None:
    async def work() -> None:
        async with staged(tmp_path) as stage:
            async with stage.client.get(f"{stage.url}/long") as reply:
                assert (reply.status, len(await reply.read())) == (200, 3 * 2**20)
            with pytest.raises(ClientError):
                async with stage.client.get(f"{stage.url}/torn") as reply:
                    await reply.read()

            assert [seen["path"] for seen in stage.services[A].asked] == ["/torn"]
            assert stage.gateway.status()["releases"][A]["errors"] == 1

    going(work())


def test_a_client_that_leaves_early_is_no_fault_of_the_release(tmp_path: Path) -> None:
    async def work() -> None:
        async with staged(tmp_path) as stage:
            reader, writer = await asyncio.open_connection("127.0.0.1", stage.gateway.wanted.port)
            writer.write(b"GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await reader.readexactly(1000)
            writer.transport.abort()
            await _until(lambda: stage.gateway.status()["releases"][A]["requests"] == 1)

            assert stage.gateway.status()["releases"][A]["errors"] == 0

    going(work())


def test_a_body_of_unknown_length_is_cut_off_where_a_service_would(tmp_path: Path) -> None:
    async def pieces() -> Any:
        for _ in range(40):
            yield bytes(2**20)

    async def work() -> None:
        async with staged(tmp_path) as stage:
            status, said, _ = await stage.ask(data=pieces())
            assert (status, said["error"][:36]) == (413, "The request has more than 16,777,216")

    going(work())


def test_a_swap_leaves_requests_in_flight_to_the_old_release_and_connections_open(tmp_path: Path) -> None:
    async def work() -> None:
        async with staged(tmp_path) as stage:
            stage.services[A].gate.clear()
            old = [asyncio.create_task(stage.ask()) for _ in range(5)]
            while len(stage.services[A].asked) < 5:
                await asyncio.sleep(0.01)
            await stage.promote(B)
            new = [await stage.ask() for _ in range(5)]
            stage.services[A].gate.set()

            assert {said[2] for said in new} == {B}
            assert [(said[0], said[2]) for said in await asyncio.gather(*old)] == [(200, A)] * 5
            assert deployment.read(stage.gateway.folder).live == B

    going(work())


def test_swaps_under_load_lose_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        async with staged(tmp_path) as stage:
            seen, over = Counter[tuple[int, bool]](), asyncio.Event()

            async def ask() -> None:
                while not over.is_set():
                    status, said, release = await stage.ask()
                    seen[status, said == [{"prediction": release}]] += 1

            clients = [asyncio.create_task(ask()) for _ in range(8)]
            for release in (B, A, C, A, B, C, A):
                await stage.promote(release)
                await asyncio.sleep(0.1)
            over.set()
            await asyncio.gather(*clients)

            assert set(seen) == {(200, True)}
            assert seen.total() > 100

    going(work())


def test_a_canary_answers_its_share_and_the_same_clients(tmp_path: Path) -> None:
    async def work() -> None:
        async with staged(tmp_path, canary=B, share=0.3) as stage:
            by_key = {key: {(await stage.ask(headers={"X-API-Key": key}))[2] for _ in range(3)} for key in "abcdefghij"}
            drawn = Counter([(await stage.ask())[2] for _ in range(200)])
            seen = stage.gateway.status()["releases"]

            assert {len(releases) for releases in by_key.values()} == {1}
            assert 30 < drawn[B] < 90
            assert seen[A]["requests"] + seen[B]["requests"] == 230
            assert (seen[A]["role"], seen[B]["role"], seen[B]["errors"]) == ("live", "canary", 0)

    going(work())


def test_a_canary_that_fails_costs_no_client_anything(tmp_path: Path) -> None:
    async def work() -> None:
        async with staged(tmp_path, canary=B, share=0.5) as stage:
            await stage.services[B].close()
            stage.gateway.upstreams[B].start = _refuse
            said = [await stage.ask() for _ in range(8)]
            found = stage.gateway.status()["releases"]

            assert {(status, release) for status, _, release in said} == {(200, A)}
            assert found[B]["errors"] > 0
            assert "broken" in found[B]["trouble"]

    going(work())


def _refuse() -> Any:
    from nb2prod.errors.ships import ServiceNotReady

    raise ServiceNotReady("it is broken", "")


def test_a_backend_that_died_is_started_again_and_the_request_is_answered(tmp_path: Path) -> None:
    async def work() -> None:
        async with staged(tmp_path) as stage:
            await stage.services[A].close()
            status, _, release = await stage.ask()
            assert (status, release, stage.services[A].starts) == (200, A, 2)

    going(work())


def test_a_shadow_is_asked_and_compared_and_nobody_notices(tmp_path: Path) -> None:
    async def work() -> None:
        async with staged(tmp_path, shadow=B) as stage:
            stage.services[A].answer = [{"prediction": "no", "p": 0.5}, {"prediction": "no", "p": 0.5}]
            stage.services[B].answer = [{"prediction": "no", "p": 0.5}, {"prediction": "yes", "p": 0.7}]
            assert [(await stage.ask())[2] for _ in range(10)] == [A] * 10
            await _until(lambda: stage.gateway.mirror is not None and stage.gateway.mirror.different == 10)
            stage.services[B].answer = stage.services[A].answer
            await stage.ask()
            await _until(lambda: stage.gateway.mirror is not None and stage.gateway.mirror.same == 1)
            stage.services[B].status = 500
            await stage.ask()
            await _until(lambda: stage.gateway.mirror is not None and stage.gateway.mirror.failed == 1)
            report = await _report(stage)

            assert {name: report[name] for name in ("same", "different", "failed", "dropped")} == {
                "same": 1, "different": 10, "failed": 1, "dropped": 0,
            }  # fmt: skip
            assert (report["rows"], report["rows_different"]) == (22, 10)
            assert '"yes"' in report["examples"][0]["shadow"]

    going(work())


async def _report(stage: Any) -> dict[str, Any]:
    await asyncio.sleep(0.02)
    found: dict[str, Any] = stage.gateway.status()["shadow_report"]
    return found


async def _until(true: Any) -> None:
    while not true():
        await asyncio.sleep(0.02)


def test_a_shadow_that_hangs_delays_nobody_and_holds_only_so_much(tmp_path: Path) -> None:
    async def work() -> None:
        async with staged(tmp_path, shadow=B) as stage:
            stage.services[B].gate.clear()
            said = await asyncio.wait_for(asyncio.gather(*(stage.ask() for _ in range(mirror.MOST + 50))), 20)
            report = await _report(stage)
            stage.services[B].gate.set()

            assert {release for _, _, release in said} == {A}
            assert (report["waiting"], report["dropped"]) == (mirror.MOST, 50 - mirror.WORKERS)

    going(work())


def test_what_may_have_changed_something_is_not_sent_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        async with staged(tmp_path) as stage:
            stage.services[A].gate.clear()
            asked = asyncio.create_task(stage.ask("/feedback"))
            await _until(lambda: stage.services[A].asked)
            runner = stage.services[A].runner
            assert runner is not None
            for connection in list(runner.server.connections):  # type: ignore[union-attr]
                connection.transport.abort()
            status, said, _ = await asked

            assert (status, "did not answer" in said["error"]) == (502, True)
            assert len(stage.services[A].asked) == 1

    going(work())


def test_metrics_are_those_of_the_service_and_of_the_gateway(tmp_path: Path) -> None:
    async def work() -> None:
        async with staged(tmp_path, shadow=B) as stage:
            await stage.ask()
            async with stage.client.get(f"{stage.url}/metrics") as reply:
                text = await reply.text()

            assert text.startswith("own_metric 1\n")
            assert f'nb2prod_gateway_requests_total{{release="{A}",role="live",status="200"}} 1.0' in text
            assert f'nb2prod_gateway_shadow_total{{outcome="different",release="{B}"}}' in text

    going(work())


def test_where_nothing_is_live_one_is_told_so(tmp_path: Path) -> None:
    async def work() -> None:
        async with staged(tmp_path) as stage:
            stage.gateway.split = server.Split()
            status, said, release = await stage.ask()
            assert (status, release, said["error"][:18]) == (503, None, "No release answers")

    going(work())
