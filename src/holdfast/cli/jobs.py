"""`holdfast worker` with a broker of jobs: this process tends, the processes of its pool work.

The tending process relays events, sends mail, says at each job's pace that it is due, and hands out queued jobs:
so there is no scheduler to forget, and with several workers none too many, since a job's turn is taken in the
database. It starts the pool, starts it again when it dies, and ends it when it is told to end itself.
"""

import asyncio
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import structlog

from holdfast.gateways.celery import CeleryHands, Pool, Work, celery_app
from holdfast.kernel import tracing
from holdfast.kernel.errors import DatabaseError, Refusal
from holdfast.settings import Settings
from holdfast.wiring import Wiring, join_database
from holdfast.wiring.observation import observe
from holdfast.worker import Worker

# what service managers leave between asking and killing is ten seconds at least, most leave thirty or more
GRACE_SECONDS = 25.0
AGAIN_SECONDS = 1.0

log = structlog.get_logger()


class PoolWork:
    """One process of the pool: a `Work`."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker

    async def periodic(self, name: str) -> None:
        """Again while it finds something, within a job's time limit; after a failure at its next turn."""
        limit = timedelta(seconds=self.worker.wired.settings.worker.job_seconds)
        with suppress(TimeoutError):
            async with asyncio.timeout(limit.total_seconds()):
                try:
                    while await self.worker.take_turn(self.worker.periodic[name]):
                        pass
                except (Refusal, DatabaseError, OSError) as error:
                    log.warning("job failed", job=name, error=repr(error))

    async def queued(self, job_id: UUID) -> None:
        await self.worker.queue.run_one(job_id)

    async def close(self) -> None:
        await self.worker.wired.close()
        if tracing.collector is not None:  # Celery ends its processes without what is said to be done at an exit
            tracing.collector.stop()


async def tend(worker: Worker, pool: Sequence[str]) -> None:
    """Until SIGINT or SIGTERM; `pool` is the command that starts the other processes."""
    working = asyncio.create_task(worker.run())
    keeping = asyncio.create_task(keep(pool))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, keeping.cancel)
    done, _ = await asyncio.wait((working, keeping), return_when=asyncio.FIRST_COMPLETED)
    for task in (keeping, working):
        task.cancel()
    await asyncio.gather(working, keeping, return_exceptions=True)
    await worker.wired.close()
    for task in done:
        if not task.cancelled():
            task.result()


async def keep(command: Sequence[str]) -> None:
    """Run it until cancelled, again whenever it ends by itself; then leave it time for what it is doing."""
    while True:
        # a group of its own: Ctrl-C at a terminal is for the tending process, which passes it on in order
        process = await asyncio.create_subprocess_exec(*command, start_new_session=True)
        try:
            code = await process.wait()
            log.error("the pool of jobs ended; it is started again", code=code)
            await asyncio.sleep(AGAIN_SECONDS)
        finally:
            if process.returncode is None:
                process.terminate()
                try:
                    await asyncio.wait_for(process.wait(), GRACE_SECONDS)
                except TimeoutError:
                    process.kill()
                    await process.wait()


def tending(settings: Settings, url: str) -> Worker:
    """A worker that gives its jobs away."""
    assert settings.worker.broker_url
    app = celery_app(settings.worker.broker_url.get_secret_value(), limit_seconds=settings.worker.job_seconds)
    return Worker(Wiring(settings, url), hands=CeleryHands(app))


def run_pool(settings: Settings, worker_of: type[Worker] = Worker) -> None:
    """This process and its children take jobs until SIGTERM."""
    observe(settings, part="jobs")
    assert settings.worker.broker_url
    url = join_database(settings)
    app = celery_app(settings.worker.broker_url.get_secret_value(), limit_seconds=settings.worker.job_seconds)

    def open_work() -> Work:
        return PoolWork(worker_of(Wiring(settings, url)))

    Pool(app, open_work).run(processes=settings.worker.job_processes, log_level=settings.log.level)


POOL = (sys.executable, "-m", run_pool.__module__)

if __name__ == "__main__":
    run_pool(Settings())
