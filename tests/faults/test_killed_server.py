"""`kill -9` of a real server under load: every answer that was given stands, and nothing happened twice."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import httpx

from tests.faults.conftest import two_workers
from tests.faults.server import Guest, Served, holdfast, lasting, postmaster
from tests.house import House, Json

GUESTS = 6


@asynccontextmanager
async def visitors(served: Served, venue: Json) -> AsyncIterator[list[Guest]]:
    """Each with a table of their own, and one that all of them want."""
    async with served.client() as client:
        house = House(client, venue)
        shared = await house.table()
        yield [
            Guest(client, f"guest-{n}-{shared['id']}", await house.table(), shared, random.Random(n))
            for n in range(GUESTS)
        ]


async def until_killed(served: Served, guests: list[Guest], *, answers: int) -> list[BaseException]:
    """Let them live until so many answers were given, then kill the server; how each life ended."""
    lives = [asyncio.create_task(guest.live()) for guest in guests]
    while sum(len(guest.answers) for guest in guests) < answers:
        assert not any(life.done() for life in lives), [life for life in lives if life.done()]
        await asyncio.sleep(0.01)
    served.kill()
    ends = await asyncio.gather(*lives, return_exceptions=True)
    return [end for end in ends if isinstance(end, BaseException)]


async def all_bookings(client: httpx.AsyncClient, venue: Json) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for page in range(1, 100):
        query = {"page": page, "limit": 200}
        items = (await client.get(f"/api/v1/bookings/venue/{venue['id']}", params=query)).json()["items"]
        found |= {item["id"]: item for item in items}
        if not items:
            break
    return found


def last_answers(guest: Guest) -> dict[str, Json]:
    """What the guest was told last about each of their bookings."""
    return {answer["id"]: answer for answer in guest.answers.values()}


@two_workers
async def test_what_was_answered_stands_and_nothing_happens_twice(served: Served, house_dir: Path) -> None:
    served.start()
    async with served.client() as client:
        venue = await House(client).open()
    for _ in range(2):
        async with visitors(served, venue) as guests:
            ends = await until_killed(served, guests, answers=120)
            assert len(ends) == GUESTS
            assert all(isinstance(end, httpx.TransportError) for end in ends), ends
            database = postmaster(house_dir)
            assert database, "the database outlives the server"
        served.start()
        assert postmaster(house_dir) == database, "joined, not started again"

        async with served.client() as client:
            before = await all_bookings(client, venue)
            for guest in guests:
                guest.client = client
                for booking_id, told in last_answers(guest).items():
                    # the last request may have been done without its answer: then it went on by one version
                    assert before[booking_id]["version"] - told["version"] in (0, 1)
                    if before[booking_id]["version"] == told["version"]:
                        assert lasting(before[booking_id]) == lasting(told)
                assert set(guest.statuses) <= {200, 201, 409}
                assert set(guest.problems) <= {"slot-taken"}
            added_by = await ask_again(guests)
            after = await all_bookings(client, venue)
            mine = {booking_id: told for guest in guests for booking_id, told in last_answers(guest).items()}
            for booking_id, told in mine.items():
                assert lasting(after[booking_id]) == lasting(told)
            assert after.keys() - before.keys() <= added_by, "nothing but what had not been done is done now"
            assert_nothing_sold_twice(after.values())
    audit = holdfast(house_dir, "audit")
    assert audit.returncode == 0, audit.stdout
    assert served.stop() == 0


async def ask_again(guests: list[Guest]) -> set[str]:
    """Every request that was not refused once more under its key: each success is told again as it was.

    The bookings that the unanswered requests were about; at most one request of each guest was.
    """
    about: set[str] = set()
    for guest in guests:
        known, unanswered = dict(guest.answers), guest.unanswered
        assert len(unanswered) <= 1
        for key in known.keys() | unanswered:
            answer = await guest.ask(key)
            if key in known:
                assert answer.headers["idempotency-replayed"] == "true"
                assert answer.json() == known[key]
            elif answer.is_success:
                about.add(answer.json()["id"])
    return about


def assert_nothing_sold_twice(bookings: Iterable[Json]) -> None:
    """Seen from outside: of all bookings that stand, no two share a table and an instant."""
    standing = [each for each in bookings if each["status"] != "CANCELLED"]
    assert standing
    taken = sorted((each["resource_id"], each["start_at"], each["end_at"]) for each in standing)
    for earlier, later in pairwise(taken):
        assert earlier[0] != later[0] or earlier[2] <= later[1], (earlier, later)
