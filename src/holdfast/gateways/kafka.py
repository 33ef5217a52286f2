"""Events to Kafka: one topic, keyed by the booking where there is one, from an idempotent producer."""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from urllib.parse import SplitResult, unquote, urlsplit

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from holdfast.kernel.publisher import EventRefused, Unreachable, Untold, cloud_event
from holdfast.kernel.subscriber import NotAnEvent

TOPIC = "holdfast.events"
CONTENT_TYPE = b"application/cloudevents+json; charset=utf-8"
ANSWER_SECONDS = 10.0
TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)


class KafkaTransport:
    """A `Transport`. Connects when there is something to send, and anew after a failure."""

    def __init__(self, url: str, *, source: str, idempotent: bool = True) -> None:
        self.url = urlsplit(url)
        self.source = source
        self.idempotent = idempotent
        self.topic = self.url.path.strip("/") or TOPIC
        self.connecting = asyncio.Lock()
        self.producer: AIOKafkaProducer | None = None

    async def send(self, event: Untold) -> None:
        body = json.dumps(cloud_event(event, source=self.source), ensure_ascii=False).encode()
        producer = await self.connected()
        headers = [("content-type", CONTENT_TYPE)]
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await producer.send_and_wait(self.topic, body, key=event.key.encode(), headers=headers)
        except TOO_LARGE as error:
            raise EventRefused(f"Kafka does not take it: {error}") from error
        except (KafkaError, OSError, AssertionError) as error:
            # what may still be on its way must not arrive after what is sent next
            await self.close()
            raise Unreachable(f"Kafka: {error!r}") from error

    async def reach(self) -> None:
        await self.connected()

    async def connected(self) -> AIOKafkaProducer:
        async with self.connecting:
            if self.producer is None:
                producer = AIOKafkaProducer(**self.options())
                try:
                    async with asyncio.timeout(ANSWER_SECONDS):
                        await producer.start()
                except (KafkaError, OSError) as error:
                    await producer.stop()
                    raise Unreachable(f"Kafka: {error!r}") from error
                self.producer = producer
            return self.producer

    def options(self) -> dict[str, object]:
        """No event is lost or doubled between this producer and the brokers: acks of all, numbered batches."""
        return {
            "bootstrap_servers": servers(self.url),
            "acks": "all",
            "enable_idempotence": self.idempotent,
            "request_timeout_ms": int(ANSWER_SECONDS * 1000),
            "linger_ms": 2,
            **security(self.url),
        }

    async def close(self) -> None:
        producer, self.producer = self.producer, None
        if producer is not None:
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await producer.stop()
            except (KafkaError, OSError):  # it is gone, which was wanted
                return


class KafkaInlet:
    """An `Inlet`: a consumer group for each of these services, from the topic's beginning. What they do not want
    they take too, and pass over: a topic knows no types."""

    def __init__(self, url: str, services: Collection[str]) -> None:
        self.url = urlsplit(url)
        self.topic = self.url.path.strip("/") or TOPIC
        self.services = services

    async def listen(self, take: Callable[[bytes], Awaitable[object]]) -> None:
        """Until cancelled. Unreachable; whatever else `take` raises ends this too, and the event comes again."""
        async with asyncio.TaskGroup() as group:
            for service in self.services:
                group.create_task(self.drain(service, take))

    async def drain(self, service: str, take: Callable[[bytes], Awaitable[object]]) -> None:
        consumer = AIOKafkaConsumer(
            self.topic,
            bootstrap_servers=servers(self.url),
            group_id=f"holdfast.{service}",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            **security(self.url),
        )
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await consumer.start()
            async for message in consumer:
                with suppress(NotAnEvent):  # somebody else's: the topic may be shared
                    await take(message.value)
                await consumer.commit()
        except (KafkaError, OSError) as error:
            raise Unreachable(f"Kafka: {error!r}") from error
        finally:
            await consumer.stop()


def servers(url: SplitResult) -> list[str]:
    """`kafka://one:9092,two:9092/topic`"""
    return url.netloc.rpartition("@")[2].split(",")


def security(url: SplitResult) -> dict[str, object]:
    """TLS with `kafka+ssl://`, and SASL/PLAIN where there is a user, on TLS only."""
    secure = url.scheme == "kafka+ssl"
    credentials, at, _ = url.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    if at and not secure:
        raise ValueError("HOLDFAST_EVENTS_URL would send a password in the clear: use kafka+ssl://")
    chosen: dict[str, object] = {"ssl_context": ssl.create_default_context()} if secure else {}
    if at:
        plain = {"sasl_plain_username": unquote(user), "sasl_plain_password": unquote(password)}
        return {**chosen, "security_protocol": "SASL_SSL", "sasl_mechanism": "PLAIN", **plain}
    return {**chosen, "security_protocol": "SSL" if secure else "PLAINTEXT"}
