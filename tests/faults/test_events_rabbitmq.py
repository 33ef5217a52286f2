"""A real RabbitMQ under real consumers: relays, consumers and the broker die, and every effect is had once."""

import asyncio
import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import aio_pika
import pytest
from pydantic import SecretStr

from holdfast.cli.inspection import told_where
from holdfast.gateways.rabbitmq import EXCHANGE
from holdfast.gateways.rabbitmq_inlet import DEAD_LETTERS
from holdfast.settings import EventsSettings, Settings
from tests.faults.storm import Storm, running
from tests.rabbitmq_server import RabbitServer
from tests.redis_server import free_port

log = logging.getLogger(__name__)

TRIES = 3  # of a consumer, until it rejects
LETTERS = 100


@pytest.fixture(scope="module")
def rabbit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitServer]:
    with RabbitServer(tmp_path_factory.mktemp("rabbit")) as rabbit:
        yield rabbit


@pytest.mark.timeout(900)  # four starts of the broker and a dozen of Python, on whatever machine
async def test_every_effect_once_in_order_whoever_dies(
    database_url: str, rabbit: RabbitServer, tmp_path: Path
) -> None:
    await weather(Storm(database_url, tmp_path, rabbit.url, bookings=300), rabbit, relay_kills=3, broker_kills=1)


async def weather(storm: Storm, rabbit: RabbitServer, *, relay_kills: int, broker_kills: int) -> None:
    await storm.prepare()
    relays = [storm.relay(name) for name in ("one", "two")]
    analytics, housekeeping = storm.consumer("analytics"), storm.consumer("housekeeping")

    async def listening() -> bool:
        return all("is listening" in each.said() for each in (analytics, housekeeping))

    with running(analytics, housekeeping):
        await storm.until(listening)
        await asyncio.to_thread(rabbit.restart)
        await say(rabbit, b"not JSON")
        with running(*relays):
            recording = asyncio.create_task(storm.record(seconds=3.0 * relay_kills))
            for number in range(relay_kills):
                await passed(storm, part=(number + 1) / (relay_kills + 1))
                relays[number % 2].kill()
                if number < broker_kills:
                    analytics.kill()
                    rabbit.kill()
                    await asyncio.to_thread(rabbit.start)
                    analytics.start()
                relays[number % 2].start()
            await recording
            await storm.until(storm.all_delivered)

            async def consumed() -> bool:
                cleaned = len(storm.inbox("housekeeping")) >= storm.bookings * 2
                return cleaned and len(storm.inbox("analytics")) >= len(storm.order)

            await storm.until(consumed)

            async def buried() -> bool:
                return b"not JSON" in await dead_letters(rabbit)

            await storm.until(buried)
        storm.assert_all_once_in_order(await storm.effects())
        storm.assert_all_once_in_order(storm.inbox("analytics"))
        assert_consumed(storm)


@pytest.mark.timeout(900)
async def test_no_dead_letter_is_lost_with_the_broker(
    database_url: str, rabbit: RabbitServer, tmp_path: Path
) -> None:
    """Killed while a consumer rejects one message after the other: each is a letter, some of them twice."""
    storm = Storm(database_url, tmp_path, rabbit.url, bookings=0)
    analytics, sent = storm.consumer("analytics"), set[bytes]()

    async def listening() -> bool:
        return "is listening" in analytics.said()

    async def rejecting() -> bool:
        return analytics.said().count(f"try {TRIES} of {TRIES}") >= len(sent) - LETTERS / 2

    async def buried() -> bool:
        return sent <= await dead_letters(rabbit)

    with running(analytics):
        await storm.until(listening)
        await asyncio.to_thread(rabbit.restart)
        for turn in range(3):
            letters = [f"not JSON, {turn}, {number}".encode() for number in range(LETTERS)]
            sent.update(letters)
            await say(rabbit, *letters)
            await storm.until(rejecting)
            rabbit.kill()
            await asyncio.to_thread(rabbit.start)
            await storm.until(buried)


async def say(rabbit: RabbitServer, *nonsense: bytes) -> None:
    """What no consumer can read, to analytics alone."""
    async with await aio_pika.connect(rabbit.url) as connection:
        exchange = await (await connection.channel()).get_exchange(EXCHANGE)
        messages = [aio_pika.Message(each, delivery_mode=aio_pika.DeliveryMode.PERSISTENT) for each in nonsense]
        await asyncio.gather(*(exchange.publish(each, routing_key="booking.created") for each in messages))


async def dead_letters(rabbit: RabbitServer) -> set[bytes]:
    """What they say, each once: one whose arrival the broker had not noted when it died comes again."""
    found = set[bytes]()
    try:
        async with await aio_pika.connect(rabbit.url) as connection:
            queue = await (await connection.channel()).get_queue(DEAD_LETTERS)
            while (letter := await queue.get(fail=False)) is not None:  # given back as the connection ends
                found.add(letter.body)
    except Exception:  # the queue comes back some time after its broker; each layer of the client says it its way
        log.info("the dead letters cannot be read", exc_info=True)
    return found


async def passed(storm: Storm, *, part: float) -> None:
    """Return when so much of it has been recorded."""

    async def enough() -> bool:
        return len(storm.order) >= storm.bookings * 5 * part

    await storm.until(enough)


def assert_consumed(storm: Storm) -> None:
    with sqlite3.connect(storm.folder / "analytics.db") as store:
        counted = dict(store.execute("SELECT type, sum(events) FROM daily GROUP BY type"))
        assert set(counted.values()) == {storm.bookings}
        worth = store.execute("SELECT DISTINCT sum(amount) FROM daily GROUP BY type").fetchall()
        assert worth == [(storm.bookings * 12.5,)]
    with sqlite3.connect(storm.folder / "housekeeping.db") as store:
        tasks = store.execute("SELECT booking_id, task, count(*) FROM tasks GROUP BY 1, 2").fetchall()
        assert len(tasks) == storm.bookings * 4
        assert {how_often for *_, how_often in tasks} == {1}


async def test_the_doctor_says_whether_the_broker_can_be_reached(rabbit: RabbitServer) -> None:
    assert await told_where(configured("")) == "told in these processes only"
    assert await told_where(configured(rabbit.url)) == "told to the broker too, reachable"
    away = await told_where(configured(f"amqp://guest:kelp-and-salt@127.0.0.1:{free_port()}/"))
    assert away.startswith("they wait: the broker is NOT reachable: RabbitMQ: ")
    assert "kelp-and-salt" not in away


def configured(url: str) -> Settings:
    return Settings(events=EventsSettings(url=SecretStr(url) if url else None))
