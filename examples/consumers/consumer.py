"""What the consumers here share: the broker, and an inbox that makes each event's effect happen once.

A consumer has a durable quorum queue of its own, bound to the topics that it wants, and a SQLite file. An event's
id and its effect are written in one transaction, before the broker hears that the message is done: so an event
that comes again, because this program or the broker died in between, changes nothing. What fails three times goes
to the exchange for dead letters, at least once, and the next event goes on.
"""

import argparse
import asyncio
import json
import logging
import os
import signal
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aio_pika
from aio_pika.abc import AbstractIncomingMessage, AbstractQueue

EXCHANGE = "holdfast.events"
DEAD_LETTERS = "holdfast.dead"
QUEUE_OPTIONS = {
    "x-queue-type": "quorum",
    "x-dead-letter-exchange": DEAD_LETTERS,
    # a dead letter stays here until it has arrived: by default it is gone where the broker dies in between. The
    # broker does so only for a queue that drops nothing to make room. RabbitMQ 3.10 and newer
    "x-dead-letter-strategy": "at-least-once",
    "x-overflow": "reject-publish",
    # one of several copies of a consumer reads, another when that one is gone: so the order is kept
    "x-single-active-consumer": True,
}
INBOX = """
CREATE TABLE IF NOT EXISTS inbox (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    subject TEXT NOT NULL
)
"""
TRIES = 3
AGAIN_SECONDS = 1.0

log = logging.getLogger("consumer")


@dataclass(frozen=True)
class Event:
    """A CloudEvent; `data` is described in docs/events.md by its type."""

    id: str
    type: str
    subject: str
    time: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Consumer:
    """`tables` makes its store, `handle` has the effect, inside the transaction that also notes the event's id."""

    name: str
    topics: Sequence[str]
    tables: str
    handle: Callable[[sqlite3.Connection, Event], None]

    def main(self) -> None:
        """The program: until SIGINT or SIGTERM."""
        options = argparse.ArgumentParser(description=self.name)
        broker = os.environ.get("RABBITMQ_URL", "amqp://guest:guest@localhost/")
        options.add_argument("--broker", default=broker, help="amqp:// or amqps://; RABBITMQ_URL by default")
        options.add_argument("--store", type=Path, default=Path(f"{self.name}.db"), help="its SQLite file")
        given = options.parse_args()
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
        asyncio.run(self.run(given.broker, opened(given.store, self.tables)))

    async def run(self, broker: str, store: sqlite3.Connection) -> None:
        working = asyncio.create_task(self.keep_listening(broker, store))
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, working.cancel)
        await asyncio.gather(working, return_exceptions=True)
        store.close()

    async def keep_listening(self, broker: str, store: sqlite3.Connection) -> None:
        """Through every loss of the broker."""
        while True:
            try:
                async with await aio_pika.connect(broker, heartbeat=20) as connection:
                    queue = await self.queue(await connection.channel())
                    log.info("%s is listening", self.name)
                    async with queue.iterator() as messages:
                        async for message in messages:
                            await self.settle(store, message)
            except Exception as error:  # each layer of the client has its own for a broker that is away
                log.warning("the broker is away: %r", error)
            await asyncio.sleep(AGAIN_SECONDS)

    async def queue(self, channel: aio_pika.abc.AbstractChannel) -> AbstractQueue:
        await channel.set_qos(prefetch_count=50)
        exchange = await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
        dead = await channel.declare_exchange(DEAD_LETTERS, aio_pika.ExchangeType.TOPIC, durable=True)
        letters = await channel.declare_queue(DEAD_LETTERS, durable=True, arguments={"x-queue-type": "quorum"})
        await letters.bind(dead, "#")
        queue = await channel.declare_queue(f"holdfast.{self.name}", durable=True, arguments=QUEUE_OPTIONS)
        for topic in self.topics:
            await queue.bind(exchange, topic)
        return queue

    async def settle(self, store: sqlite3.Connection, message: AbstractIncomingMessage) -> None:
        """Its effect, then the broker's leave to forget it; in that order."""
        for attempt in range(1, TRIES + 1):
            try:
                self.take(store, read(message.body))
                break
            except Exception:
                log.exception("try %d of %d", attempt, TRIES)
        else:
            await message.reject(requeue=False)
            return
        await message.ack()

    def take(self, store: sqlite3.Connection, event: Event) -> bool:
        """The event's effect, unless it has had it already."""
        with store:
            store.execute("BEGIN IMMEDIATE")
            noted = store.execute(
                "INSERT OR IGNORE INTO inbox (event_id, type, subject) VALUES (?, ?, ?)",
                (event.id, event.type, event.subject),
            )
            if noted.rowcount:
                self.handle(store, event)
            return bool(noted.rowcount)


def opened(path: Path, tables: str) -> sqlite3.Connection:
    store = sqlite3.connect(path, isolation_level=None)
    store.execute("PRAGMA journal_mode = WAL")
    store.executescript(INBOX + ";" + tables)
    return store


def read(body: bytes) -> Event:
    said = json.loads(body)
    return Event(said["id"], said["type"], said["subject"], said["time"], said["data"])
