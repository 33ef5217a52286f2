"""Limits that processes share over a real Redis, and what becomes of them while it is gone."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest

from holdfast.gateways.quotas import Quota, Quotas
from tests.redis_server import RedisServer
from tests.server import server

READ = "/api/v1/venues"
THREE = Quota.of("read", "3/day")


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with RedisServer() as redis:
        yield redis


async def asked_of_both(first: str, second: str, *, times: int) -> Counter[int]:
    """How many answers had which status, of so many requests at once to two servers in turn."""
    async with httpx.AsyncClient(timeout=60) as client:
        answers = await asyncio.gather(
            *(client.get(f"{first if number % 2 else second}{READ}") for number in range(times))
        )
    return Counter(answer.status_code for answer in answers)


async def test_two_processes_share_their_limits_over_redis(database_url: str, redis: RedisServer) -> None:
    # a patience that a loaded machine does not exhaust: what is counted elsewhere would be missing here
    shared = {"REDIS_URL": redis.url, "REDIS_PATIENCE_MS": "10000", "RATE_LIMIT_READ": "10/day"}
    with server(database_url, **shared) as first, server(database_url, **shared) as second:
        assert await asked_of_both(first, second, times=16) == {200: 10, 429: 6}


async def test_without_redis_each_process_counts_for_itself(database_url: str) -> None:
    alone = {"RATE_LIMIT_READ": "10/day"}
    with server(database_url, **alone) as first, server(database_url, **alone) as second:
        assert await asked_of_both(first, second, times=24) == {200: 20, 429: 4}


async def test_redis_dies_and_comes_back(database_url: str, redis: RedisServer) -> None:
    settings = {"REDIS_URL": redis.url, "REDIS_PATIENCE_MS": "2000", "RATE_LIMIT_READ": "3/day"}
    with server(database_url, **settings) as url:
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            assert [(await client.get(READ)).status_code for _ in range(4)] == [200, 200, 200, 429]
            assert await limits_state(client) == ("ok", 1.0)

            redis.kill()
            # served, and bounded all the same: each process counts for itself, from nothing
            assert [(await client.get(READ)).status_code for _ in range(4)] == [200, 200, 200, 429]
            assert await limits_state(client) == ("degraded", 0.0)

            redis.start()
            until = time.monotonic() + 120
            while await limits_state(client) != ("ok", 1.0):
                assert time.monotonic() < until, "it does not find Redis again"
                await asyncio.sleep(0.1)
            assert (await client.get(READ)).headers["ratelimit"].split(", ")[1].startswith('"read";r=2;')


async def limits_state(client: httpx.AsyncClient) -> tuple[str, float]:
    """What readiness, which stays 200, and the metric say."""
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ok")
    lines = (await client.get("/metrics")).text.splitlines()
    shared = next(line for line in lines if line.startswith("holdfast_rate_limits_shared "))
    return ready.json()["components"]["rate_limits"], float(shared.split()[1])


async def test_a_redis_that_hangs_is_waited_for_once(redis: RedisServer) -> None:
    quotas = Quotas(redis.url, patience=1)
    many = Quota.of("read", "100/day")
    assert (await quotas.take(many, "a")).remaining == 99
    assert redis.process
    redis.process.send_signal(signal.SIGSTOP)
    started = time.monotonic()
    for used in range(1, 31):
        assert (await quotas.take(many, "a")).remaining == 100 - used
    assert time.monotonic() - started < 7.5  # thirty times the patience would be thirty seconds
    assert await quotas.state() == "degraded"
    redis.process.send_signal(signal.SIGCONT)
    assert await back(quotas)
    # what it had been sent before it hung it may have counted after all
    assert (await quotas.take(many, "a")).remaining in (97, 98)


async def test_while_it_is_gone_one_request_in_a_while_asks_for_it(redis: RedisServer) -> None:
    quotas = Quotas(redis.url, patience=5)
    redis.kill()
    assert (await quotas.take(THREE, "a")).remaining == 2
    redis.start()
    assert (await quotas.take(THREE, "a")).remaining == 1  # nobody has looked yet
    quotas.ask_again_at = 0.0
    assert (await quotas.take(THREE, "a")).remaining == 2
    assert await quotas.state() == "ok"


async def test_the_window_of_redis_begins_with_its_first_request(redis: RedisServer) -> None:
    quotas = Quotas(redis.url, patience=5)
    taken = [await quotas.take(THREE, "a") for _ in range(4)]
    assert [(each.admitted, each.remaining) for each in taken] == [(True, 2), (True, 1), (True, 0), (False, 0)]
    assert {each.seconds for each in taken} <= {86_400, 86_399}


async def back(quotas: Quotas) -> bool:
    for _ in range(1_200):
        if await quotas.state() == "ok":
            return True
        await asyncio.sleep(0.1)
    return False
