"""Kafka, as far as librdkafka's mock cluster is one: written by our producer, read back by another library."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import UUID

import confluent_kafka
import pytest
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.kafka import KafkaMessage, from_structured_event

from holdfast.gateways.kafka import CONTENT_TYPE, TOPIC, KafkaTransport
from holdfast.kernel.publisher import EventRefused, Unreachable, Untold
from tests.clock import MONDAY
from tests.faults.storm import Storm, running
from tests.redis_server import free_port

MOCK = {"bootstrap.servers": "127.0.0.1:1", "test.mock.num.brokers": 3, "log_level": 0}


@pytest.fixture(scope="module")
def brokers() -> Iterator[str]:
    """The addresses of a mock cluster, which lives as long as the client that made it."""
    maker = confluent_kafka.Producer(MOCK)
    known = maker.list_topics(timeout=30).brokers.values()
    yield ",".join(f"{each.host}:{each.port}" for each in known)
    del maker


def everything(brokers: str, topic: str) -> list[confluent_kafka.Message]:
    """Every message of the topic, each partition's in its order."""
    reader = confluent_kafka.Consumer(
        {"bootstrap.servers": brokers, "group.id": "reader", "enable.partition.eof": True, "log_level": 0}
    )
    partitions = reader.list_topics(topic, timeout=30).topics[topic].partitions
    reader.assign([confluent_kafka.TopicPartition(topic, number, 0) for number in partitions])
    found: list[confluent_kafka.Message] = []
    ended: set[int | None] = set()
    while len(ended) < len(partitions):
        message = reader.poll(30)
        assert message is not None
        error = message.error()
        if error is None:
            found.append(message)
        else:
            assert error.code() == confluent_kafka.KafkaError._PARTITION_EOF, error
            ended.add(message.partition())
    reader.close()
    return found


def read(message: confluent_kafka.Message) -> BaseCloudEvent:
    """As CloudEvents' own library reads it."""
    headers = {name: value for name, value in pairs(message) if isinstance(value, bytes)}
    return from_structured_event(KafkaMessage(headers, message.key(), message.value() or b""))


def pairs(message: confluent_kafka.Message) -> Sequence[tuple[str, str | bytes | None]]:
    headers = message.headers() or []
    return list(headers.items()) if isinstance(headers, dict) else headers


def as_consumers_see(events: Sequence[BaseCloudEvent]) -> list[tuple[UUID, UUID]]:
    """Each event at its first coming."""
    return list(dict.fromkeys((UUID(event.get_subject()), UUID(event.get_id())) for event in events))


async def test_every_event_arrives_in_order_whichever_relay_dies(
    database_url: str, brokers: str, tmp_path: Path
) -> None:
    storm = Storm(database_url, tmp_path, f"kafka://{brokers}/storm", bookings=80)
    await storm.prepare()
    relays = [storm.relay(name) for name in ("one", "two")]

    async def some_published() -> bool:
        return (
            "storm"
            in confluent_kafka.Consumer({"bootstrap.servers": brokers, "group.id": "looker"})
            .list_topics(timeout=30)
            .topics
        )

    with running(*relays):
        recording = asyncio.create_task(storm.record(seconds=3))
        await storm.until(some_published)
        relays[0].kill()
        relays[0].start()
        await recording
        await storm.until(storm.all_delivered)

    messages = everything(brokers, "storm")
    events = [read(message) for message in messages]
    storm.assert_all_once_in_order(as_consumers_see(events))
    keys = [(message.key() or b"").decode() for message in messages]
    assert keys == [event.get_extension("partitionkey") for event in events]
    partitions = {(message.key(), message.partition()) for message in messages}
    assert len(partitions) == storm.bookings, "a booking's events lie on one partition"
    assert {event.get_dataschema() for event in events} >= {"urn:holdfast:event:booking.created:1"}
    assert all(dict(pairs(message))["content-type"] == CONTENT_TYPE for message in messages)


def event(number: int, **data: str) -> Untold:
    return Untold(number, UUID(int=number), "payment.completed", UUID(int=5), dict(data), MONDAY, 1, 0)


async def test_the_key_is_the_booking_where_there_is_one(brokers: str) -> None:
    transport = KafkaTransport(f"kafka://{brokers}", source="https://example.org")
    await transport.send(event(1, booking_id=str(UUID(int=9))))
    await transport.send(event(2))
    await transport.close()
    keys = {(message.key() or b"").decode() for message in everything(brokers, TOPIC)}
    assert keys == {str(UUID(int=9)), str(UUID(int=5))}


async def test_what_kafka_cannot_take_is_refused_and_what_is_not_there_is_unreachable(brokers: str) -> None:
    transport = KafkaTransport(f"kafka://{brokers}", source="https://example.org")
    with pytest.raises(EventRefused):
        await transport.send(event(3, text="x" * 2_000_000))
    await transport.send(event(4))
    await transport.close()
    with pytest.raises(Unreachable):
        await KafkaTransport(f"kafka://127.0.0.1:{free_port()}", source="https://example.org").send(event(5))


def test_no_event_is_lost_or_doubled_by_the_producer() -> None:
    options = KafkaTransport("kafka+ssl://user:p%40ss@one:9092,two:9092/events", source="x").options()
    assert (options["acks"], options["enable_idempotence"]) == ("all", True)
    assert options["bootstrap_servers"] == ["one:9092", "two:9092"]
    assert (options["security_protocol"], options["sasl_plain_password"]) == ("SASL_SSL", "p@ss")
    with pytest.raises(ValueError, match="in the clear"):
        KafkaTransport("kafka://user:secret@one:9092", source="x").options()
