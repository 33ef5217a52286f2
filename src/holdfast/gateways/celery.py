"""Jobs by Celery: its messages say which job, never what it is about; the database decides whether it runs.

A message is acknowledged once its job is done. One that comes twice, or late, or after its job was done, finds in
the database that there is nothing to do. So a broker that loses its messages delays jobs and loses none.
"""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Protocol
from uuid import UUID

from celery import Celery
from celery.signals import worker_process_init, worker_process_shutdown, worker_ready
from kombu.exceptions import OperationalError

PERIODIC = "holdfast.periodic"
QUEUED = "holdfast.queued"
QUEUE = "holdfast.jobs"
# beyond a job's own limit, which ends it in order: then its process is ended
HARD_SECONDS = 30
CONNECT_SECONDS = 5


class Work(Protocol):
    """What one process of the pool does, on its own event loop and its own database connections."""

    async def periodic(self, name: str) -> None: ...

    async def queued(self, job_id: UUID) -> None: ...

    async def close(self) -> None: ...


def celery_app(broker_url: str, *, limit_seconds: int) -> Celery:
    app = Celery("holdfast", broker=broker_url, set_as_current=False)
    redis = broker_url.startswith("redis")
    connecting = {"socket_connect_timeout": CONNECT_SECONDS, "socket_timeout": CONNECT_SECONDS} if redis else {}
    visible = {"visibility_timeout": limit_seconds + 2 * HARD_SECONDS} if redis else {"confirm_publish": True}
    app.conf.update(
        task_default_queue=QUEUE,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        task_time_limit=limit_seconds + HARD_SECONDS,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,  # the claim on the row keeps others away
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=CONNECT_SECONDS,
        broker_transport_options={**connecting, **visible},
        task_publish_retry=False,
        accept_content=["json"],
        task_serializer="json",
    )
    return app


class CeleryHands:
    """Gives jobs away; BrokenPipeError where the broker cannot be reached."""

    def __init__(self, app: Celery) -> None:
        self.app = app

    async def periodic(self, name: str, *, expires: float) -> None:
        await self.send(PERIODIC, name, expires=expires)

    async def queued(self, job_id: UUID) -> None:
        await self.send(QUEUED, str(job_id))

    async def send(self, task: str, argument: str, *, expires: float | None = None) -> None:
        try:
            await asyncio.to_thread(self.app.send_task, task, (argument,), expires=expires)
        except (OperationalError, OSError) as error:
            raise BrokenPipeError(repr(error)) from error


class Pool:
    """The processes that take jobs. Each has one event loop for its life, made in it, with what is on it."""

    def __init__(self, app: Celery, open_work: Callable[[], Work]) -> None:
        self.app = app
        self.open_work = open_work
        self.runner: asyncio.Runner | None = None
        self.work: Work | None = None
        app.task(name=PERIODIC)(self.periodic)
        app.task(name=QUEUED)(self.queued)

    def run(self, *, processes: int, log_level: str) -> None:
        """Until SIGTERM; what runs then is ended first. Ends too when the process that started it is gone."""
        worker_process_init.connect(self.open, weak=False)
        worker_process_shutdown.connect(self.close, weak=False)
        worker_ready.connect(self.follow_parent, weak=False)
        quiet = ["--without-gossip", "--without-mingle", "--loglevel", log_level]
        name = f"jobs-{os.getpid()}@%h"
        self.app.worker_main(["worker", "--concurrency", str(processes), "--hostname", name, *quiet])

    def follow_parent(self, **_: object) -> None:
        parent = os.getppid()

        def watch() -> None:
            while os.getppid() == parent:
                time.sleep(1)
            os.kill(os.getpid(), signal.SIGTERM)

        threading.Thread(target=watch, daemon=True).start()

    def open(self, **_: object) -> None:
        self.runner = asyncio.Runner()
        self.work = self.runner.run(self.opened())

    async def opened(self) -> Work:
        return self.open_work()

    def close(self, **_: object) -> None:
        if self.runner is not None and self.work is not None:
            self.runner.run(self.work.close())
            self.runner.close()

    def periodic(self, name: str) -> None:
        assert self.runner
        assert self.work
        self.runner.run(self.work.periodic(name))

    def queued(self, job_id: str) -> None:
        assert self.runner
        assert self.work
        self.runner.run(self.work.queued(UUID(job_id)))
