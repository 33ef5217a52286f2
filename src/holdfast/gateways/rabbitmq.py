"""Events to RabbitMQ: a durable topic exchange, routed by wire name, each confirmed by the broker."""

import asyncio
import json
from types import MappingProxyType

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange
from aio_pika.exceptions import DeliveryError

from holdfast.gateways.rabbitmq_inlet import DEAD_LETTERS, QUEUES_SECONDS, Readers, declare_queues
from holdfast.kernel.publisher import EventRefused, Unreachable, Untold, cloud_event

EXCHANGE = "holdfast.events"
CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
HEARTBEAT_SECONDS = 20
ANSWER_SECONDS = 10.0


class RabbitTransport:
    """A `Transport`. Connects when there is something to send, and again after the connection was lost."""

    def __init__(self, url: str, *, source: str, readers: Readers = MappingProxyType({})) -> None:
        """`readers` are the services that are to miss nothing, even before they first read."""
        self.url = url
        self.source = source
        self.readers = readers
        self.connecting = asyncio.Lock()
        self.connection: AbstractConnection | None = None
        self.exchange: AbstractExchange | None = None

    async def send(self, event: Untold) -> None:
        body = json.dumps(cloud_event(event, source=self.source), ensure_ascii=False).encode()
        message = aio_pika.Message(
            body,
            content_type=CONTENT_TYPE,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            message_id=str(event.event_id),
            type=event.type,
            timestamp=event.occurred_at,
        )
        exchange = await self.connected()
        try:
            # a topic nobody listens to is not an error: `mandatory` would make it one
            await exchange.publish(message, routing_key=event.type, mandatory=False, timeout=ANSWER_SECONDS)
        except DeliveryError as error:
            raise EventRefused(f"RabbitMQ does not take it: {error}") from error
        except Exception as error:  # aiormq, pamqp and asyncio each have their own for a lost connection
            self.exchange = None
            raise Unreachable(f"RabbitMQ: {error!r}") from error

    async def reach(self) -> None:
        await self.connected()

    async def connected(self) -> AbstractExchange:
        async with self.connecting:
            if self.exchange is None:
                await self.close()
                try:
                    async with asyncio.timeout(ANSWER_SECONDS):
                        self.connection = await aio_pika.connect(self.url, heartbeat=HEARTBEAT_SECONDS)
                        channel = await self.connection.channel(publisher_confirms=True)
                        exchange = await declared(channel)
                    await self.make_queues(channel, exchange)
                    self.exchange = exchange
                except Exception as error:
                    await self.close()
                    raise Unreachable(f"RabbitMQ: {error!r}") from error
            return self.exchange

    async def make_queues(self, channel: AbstractChannel, exchange: AbstractExchange) -> None:
        """Once: they last."""
        async with asyncio.timeout(QUEUES_SECONDS):
            await declare_queues(channel, exchange, self.readers)
        self.readers = MappingProxyType({})

    async def close(self) -> None:
        connection, self.connection, self.exchange = self.connection, None, None
        if connection is not None:
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await connection.close()
            except Exception:  # it is gone, which was wanted
                return


async def declared(channel: AbstractChannel) -> AbstractExchange:
    """The exchange that events go to; the one for dead letters is made beside it."""
    await channel.declare_exchange(DEAD_LETTERS, aio_pika.ExchangeType.TOPIC, durable=True)
    return await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
