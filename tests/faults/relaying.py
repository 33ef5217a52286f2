"""A worker as a process of its own, with one reaction that leaves a row behind: what tests kill and look for."""

import asyncio
from dataclasses import replace

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.kernel.relay import Delivery
from holdfast.kernel.telemetry import configure_logging
from holdfast.settings import Settings
from holdfast.wiring import Wiring
from holdfast.worker import Worker

# made by the test: one row per effect, numbered as they were had
EFFECT = text("INSERT INTO kernel.effects (event_id, aggregate_id) VALUES (:event_id, :aggregate_id)")
LIVES = ("booking.created", "booking.confirmed", "booking.checked_in", "booking.updated", "booking.completed")


async def leave_a_row(db: AsyncSession, event: Delivery) -> None:
    await db.execute(EFFECT, {"event_id": event.event_id, "aggregate_id": event.aggregate_id})


async def work() -> None:
    settings = Settings()
    configure_logging(settings.log.level, settings.log.format)
    assert settings.database.url
    worker = Worker(Wiring(settings, settings.database.url.get_secret_value()), periodic=())
    reactions = dict.fromkeys(LIVES, (leave_a_row,))
    worker.relay = replace(worker.relay, reactions=reactions, listeners=())
    await worker.run()


if __name__ == "__main__":
    asyncio.run(work())
