"""`holdfast worker` on a broker, with a slow job that tells when it began: `tend` or `pool` as its argument."""

import asyncio
import sys

from sqlalchemy import text

from holdfast.cli.jobs import run_pool, tend, tending
from holdfast.kernel.database import transaction
from holdfast.kernel.jobs import Job, finish
from holdfast.settings import Settings
from holdfast.wiring import Wiring
from holdfast.worker import Periodic, Worker

# in the test's own table: each beginning of a run, and each effect
NOTE = text("INSERT INTO kernel.notes (job, what, pid) VALUES (:job, :what, pg_backend_pid())")
SLOW_SECONDS = 1.5


async def slow(wired: Wiring, job: Job) -> None:
    async with wired.sessions() as db:
        async with transaction(db):
            await db.execute(NOTE, {"job": job.payload["job"], "what": "began"})
        await asyncio.sleep(SLOW_SECONDS)
        async with transaction(db):
            await db.execute(NOTE, {"job": job.payload["job"], "what": "effect"})
            await finish(db, job, now=wired.clock.now())


async def sweep(wired: Wiring) -> int:
    async with wired.sessions() as db, transaction(db):
        await db.execute(NOTE, {"job": "sweep", "what": "swept"})
    return 0


class Slow(Worker):
    def __init__(self, wired: Wiring) -> None:
        super().__init__(wired, periodic=(Periodic("sweep", sweep, every=3600),), queued={"slow": slow})


def main(part: str) -> None:
    settings = Settings()
    if part == "pool":
        run_pool(settings, Slow)
        return
    assert settings.database.url
    giving = tending(settings, settings.database.url.get_secret_value())
    worker = Slow(giving.wired)
    worker.hands = giving.hands
    asyncio.run(tend(worker, (sys.executable, "-m", "tests.faults.pooling", "pool")))


if __name__ == "__main__":
    main(sys.argv[1])
