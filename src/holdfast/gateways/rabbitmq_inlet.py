"""Events from RabbitMQ: a durable quorum queue for each service, read by one of its processes at a time, in order.

Whoever publishes makes the queues of all services first: what one of them missed before its first start would be
missed for ever.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

import aio_pika
from aio_pika.abc import (
    AbstractChannel,
    AbstractConnection,
    AbstractExchange,
    AbstractIncomingMessage,
    AbstractQueue,
)
from pamqp.common import FieldTable

from holdfast.kernel.publisher import Unreachable
from holdfast.kernel.subscriber import NotAnEvent

# where consumers' queues send what they gave up; whoever looks after it binds a queue
DEAD_LETTERS = "holdfast.dead"
QUEUE_OPTIONS: FieldTable = {
    "x-queue-type": "quorum",
    "x-dead-letter-exchange": DEAD_LETTERS,
    # a dead letter stays until it has arrived, which the broker does only for a queue that drops nothing
    "x-dead-letter-strategy": "at-least-once",
    "x-overflow": "reject-publish",
    # one of a service's processes reads, another when that one is gone: so the order is kept
    "x-single-active-consumer": True,
}
# on their way to us; what is not acknowledged when we die comes again
AHEAD = 50
HEARTBEAT_SECONDS = 20
ANSWER_SECONDS = 10.0
# a quorum queue is agreed on by all nodes; right after a start they have much to agree on
QUEUES_SECONDS = 60.0

Take = Callable[[bytes], Awaitable[object]]
# service -> the topics that it wants
Readers = Mapping[str, Sequence[str]]


def queue_of(service: str) -> str:
    return f"holdfast.{service}"


async def declare_queues(
    channel: AbstractChannel, exchange: AbstractExchange, readers: Readers
) -> dict[str, AbstractQueue]:
    """Each service's, bound to what it wants."""
    made = {}
    for service, topics in readers.items():
        queue = await channel.declare_queue(queue_of(service), durable=True, arguments=QUEUE_OPTIONS)
        for topic in topics:
            await queue.bind(exchange, topic)
        made[service] = queue
    return made


class RabbitInlet:
    """An `Inlet`: the queues of these services."""

    def __init__(
        self,
        url: str,
        readers: Readers,
        declare: Callable[[AbstractChannel], Awaitable[AbstractExchange]],
    ) -> None:
        self.url = url
        self.readers = readers
        self.declare = declare

    async def listen(self, take: Take) -> None:
        """Hand over every event, until cancelled; it is acknowledged once that returned. Unreachable when the
        connection is lost; whatever else `take` raises ends this too, and the event comes again, in order."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                connection = await aio_pika.connect(self.url, heartbeat=HEARTBEAT_SECONDS)
        except Exception as error:  # aiormq, pamqp and asyncio each have their own for it
            raise Unreachable(f"RabbitMQ: {error!r}") from error
        gone = asyncio.Event()
        connection.close_callbacks.add(lambda *_: gone.set())
        try:
            queues = await self.queues(connection, gone)
            async with asyncio.TaskGroup() as group:
                group.create_task(ended(gone))
                for queue in queues:
                    group.create_task(drain(queue, take))
        finally:
            with suppress(Exception):  # a broker that died says no farewell
                async with asyncio.timeout(ANSWER_SECONDS):
                    await connection.close()

    async def queues(self, connection: AbstractConnection, gone: asyncio.Event) -> Sequence[AbstractQueue]:
        try:
            async with asyncio.timeout(QUEUES_SECONDS):
                channel = await connection.channel()
                channel.close_callbacks.add(lambda *_: gone.set())
                await channel.set_qos(prefetch_count=AHEAD)
                exchange = await self.declare(channel)
                return list((await declare_queues(channel, exchange, self.readers)).values())
        except Exception as error:
            raise Unreachable(f"RabbitMQ: {error!r}") from error


async def ended(gone: asyncio.Event) -> None:
    await gone.wait()
    raise Unreachable("RabbitMQ has closed the connection")


async def drain(queue: AbstractQueue, take: Take) -> None:
    """Not aio_pika's iterator, which waits without end for a dead broker when it is cancelled."""
    arrived: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
    await queue.consume(arrived.put)
    while True:
        message = await arrived.get()
        try:
            await take(message.body)
        except NotAnEvent:
            await message.reject(requeue=False)
        else:
            await message.ack()
