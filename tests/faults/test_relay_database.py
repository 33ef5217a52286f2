"""The database goes away under relays and comes back: they go on by themselves, and every effect is had once."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast import schema
from holdfast.gateways.embedded_postgres import EmbeddedPostgres
from holdfast.gateways.postgres_cluster import ServerFailed
from tests.faults.storm import Storm, running
from tests.postgres import UNSAFE_BUT_FAST


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A server that nobody else's tests are on."""
    server = EmbeddedPostgres(tmp_path / "postgres", settings=UNSAFE_BUT_FAST)
    server.start()
    yield server
    server.stop()


def crash(server: EmbeddedPostgres) -> None:
    """All of its processes end at once, without a word to their clients, and it is started again: once they are
    gone, for the last of them may outlive their own note of it."""
    pid = server.cluster.running_pid()
    assert pid
    os.kill(pid, signal.SIGQUIT)
    deadline = time.monotonic() + 120
    while server.cluster.running_pid() is not None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    while True:
        try:
            server.start()
            return
        except ServerFailed:
            assert time.monotonic() < deadline
            time.sleep(0.2)


async def test_relays_outlive_the_database(own_postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    await schema.upgrade(own_postgres.url)
    storm = Storm(own_postgres.url, tmp_path, events_url="", bookings=60)
    await storm.prepare()
    await storm.record(seconds=0)

    async def some_effects() -> bool:
        return len(await storm.effects()) >= 20

    relays = [storm.relay(name) for name in ("one", "two")]
    with running(*relays):
        await storm.until(some_effects)
        await asyncio.to_thread(crash, own_postgres)
        await storm.record(seconds=1)
        await storm.until(storm.all_delivered)
        assert all(relay.process and relay.process.poll() is None for relay in relays), "neither ended"
    assert len(storm.order) == 600
    storm.assert_all_once_in_order(await storm.effects())
