"""`holdfast worker` as a process of its own: it tells events, shows its metrics, and ends when it is asked to."""

import asyncio
import os
import secrets
import signal
from contextlib import suppress
from pathlib import Path

import httpx

from tests.faults.server import HOLDFAST
from tests.faults.storm import Program, connected, running
from tests.redis_server import HOST, free_port

WAITING = """
INSERT INTO kernel.outbox (event_id, type, aggregate_id, data, occurred_at)
VALUES (gen_random_uuid(), 'test.said', gen_random_uuid(), '{}', now())
"""


async def test_a_worker_tells_events_and_shows_its_metrics(database_url: str, tmp_path: Path) -> None:
    address = f"{HOST}:{free_port()}"
    told = {
        "DATABASE_URL": database_url,
        "SECRET": secrets.token_hex(32),
        "WORKER_METRICS": address,
        "DATA_DIR": str(tmp_path),
    }
    environment = {**os.environ, **{f"HOLDFAST_{key}": value for key, value in told.items()}}
    worker = Program([str(HOLDFAST), "worker"], environment, tmp_path / "worker.log")
    async with connected(database_url) as db, httpx.AsyncClient(base_url=f"http://{address}") as client:
        await db.execute(WAITING)
        with running(worker):
            metrics = await until_shown(client, 'holdfast_events_relayed_total{type="test.said"} 1.0')
            assert 'holdfast_events_waiting{to="reactions"}' in metrics
            assert await db.fetchval("SELECT count(*) FROM kernel.outbox WHERE delivered_at IS NULL") == 0
            assert worker.process
            worker.process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(worker.process.wait, 60) == 0, worker.said()


async def until_shown(client: httpx.AsyncClient, line: str) -> str:
    """All metrics, once this is among them."""
    for _ in range(1_200):
        await asyncio.sleep(0.05)
        with suppress(httpx.TransportError):
            metrics = (await client.get("/metrics")).text
            if line in metrics:
                return metrics
    raise TimeoutError(line)
