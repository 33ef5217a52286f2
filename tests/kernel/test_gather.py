"""What comes at once shares a batch; who fails, fails alone; nobody waits for company, or for ever."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest

from holdfast.kernel.errors import Busy, Conflict
from holdfast.kernel.gather import Gather


class Poisoned(Conflict):
    """This one makes its whole batch fail."""


class Lost(Exception):
    """Nobody knows what was done."""


@dataclass
class Work:
    """Answers each request with itself, doubled; waits at its door until it is let go."""

    batches: list[list[int]] = field(default_factory=list)
    poisoned: set[int] = field(default_factory=set)
    lost: set[int] = field(default_factory=set)
    door: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, asked: Sequence[int]) -> list[int]:
        self.batches.append(list(asked))
        await self.door.wait()
        if self.lost & set(asked):
            raise Lost
        if self.poisoned & set(asked):
            raise Poisoned
        return [2 * each for each in asked]


@pytest.fixture
def work() -> Work:
    return Work()


def gather(work: Work, *, most: int = 64, waiting: int = 1_000, lanes: int = 1) -> Gather[int, int]:
    return Gather(
        "tests", work, most=most, waiting=waiting, lanes=lanes, divisible=lambda error: isinstance(error, Poisoned)
    )


async def turns() -> None:
    """Let everybody who can go on do so."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
async def asked() -> AsyncIterator[list[asyncio.Task[int]]]:
    tasks: list[asyncio.Task[int]] = []
    yield tasks
    for task in tasks:
        task.cancel()


async def test_who_comes_alone_goes_at_once_and_alone(work: Work) -> None:
    work.door.set()
    gathering = gather(work)
    assert [await gathering.ask(n, of="a") for n in range(3)] == [0, 2, 4]
    assert work.batches == [[0], [1], [2]]


async def test_who_comes_meanwhile_goes_together(work: Work) -> None:
    gathering = gather(work, most=4)
    first = asyncio.create_task(gathering.ask(0, of="a"))
    await turns()
    others = [asyncio.create_task(gathering.ask(n, of="a")) for n in range(1, 7)]
    await turns()
    assert work.batches == [[0]]
    work.door.set()
    assert await asyncio.gather(first, *others) == [0, 2, 4, 6, 8, 10, 12]
    assert work.batches == [[0], [1, 2, 3, 4], [5, 6]]


async def test_as_many_batches_as_lanes_are_under_way(work: Work, asked: list[asyncio.Task[int]]) -> None:
    gathering = gather(work, lanes=2)
    for n in range(5):
        asked.append(asyncio.create_task(gathering.ask(n, of="a")))
        await turns()
    assert work.batches == [[0], [1]]
    work.door.set()
    assert await asyncio.gather(*asked) == [0, 2, 4, 6, 8]
    assert work.batches == [[0], [1], [2, 3, 4]]


async def test_who_asks_much_waits_behind_who_asks_little(work: Work, asked: list[asyncio.Task[int]]) -> None:
    gathering = gather(work, most=4)
    for n, of in enumerate(["first", *["much"] * 6, "little", "other"]):
        asked.append(asyncio.create_task(gathering.ask(n, of=of)))
        await turns()
    work.door.set()
    await asyncio.gather(*asked)
    assert work.batches == [[0], [1, 7, 8, 2], [3, 4, 5, 6]]


async def test_one_that_fails_fails_alone(work: Work) -> None:
    work.door.set()
    work.poisoned = {5}
    gathering = gather(work)
    answers = await asyncio.gather(*(gathering.ask(n, of="a") for n in range(8)), return_exceptions=True)
    assert [each for each in answers if isinstance(each, int)] == [0, 2, 4, 6, 8, 12, 14]
    assert isinstance(answers[5], Poisoned)
    assert work.batches == [
        [0, 1, 2, 3, 4, 5, 6, 7],
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [4, 5],
        [4],
        [5],
        [6, 7],
    ]


async def test_what_may_have_been_done_is_not_done_again(work: Work) -> None:
    work.door.set()
    work.lost = {2}
    gathering = gather(work)
    answers = await asyncio.gather(*(gathering.ask(n, of="a") for n in range(4)), return_exceptions=True)
    assert [type(each) for each in answers] == [Lost] * 4
    assert work.batches == [[0, 1, 2, 3]]
    assert await gathering.ask(9, of="a") == 18


async def test_too_many_are_refused_and_nobody_takes_every_place(
    work: Work, asked: list[asyncio.Task[int]]
) -> None:
    gathering = gather(work, waiting=4)
    for n, of in enumerate(["first", "a", "a"]):
        asked.append(asyncio.create_task(gathering.ask(n, of=of)))
        await turns()
    with pytest.raises(Busy) as refused:
        await gathering.ask(8, of="a")
    assert refused.value.retry_after == 1
    for n in (3, 4):
        asked.append(asyncio.create_task(gathering.ask(n, of="b")))
    await turns()
    with pytest.raises(Busy):
        await gathering.ask(9, of="c")
    work.door.set()
    assert await asyncio.gather(*asked) == [0, 2, 4, 6, 8]
    assert await gathering.ask(9, of="a") == 18


async def test_who_goes_away_is_left_out_or_not_answered(work: Work, asked: list[asyncio.Task[int]]) -> None:
    gathering = gather(work)
    for n in range(4):
        asked.append(asyncio.create_task(gathering.ask(n, of="a")))
        await turns()
    asked[0].cancel()  # under way
    asked[2].cancel()  # waits
    work.door.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [each for each in answers if isinstance(each, int)] == [2, 6]
    assert work.batches == [[0], [1, 3]]


async def test_draining_waits_for_everybody(work: Work, asked: list[asyncio.Task[int]]) -> None:
    gathering = gather(work, most=1)
    asked.extend(asyncio.create_task(gathering.ask(n, of="a")) for n in range(3))
    await turns()
    drained = asyncio.create_task(gathering.drain())
    await turns()
    assert not drained.done()
    work.door.set()
    await drained
    assert [task.result() for task in asked] == [0, 2, 4]


async def test_whoever_asks_as_a_lane_ends_is_answered(work: Work) -> None:
    """Each asks again the moment they are answered, which is when the lane finds nobody waiting."""
    work.door.set()
    gathering = gather(work)

    async def keep_asking(of: str) -> list[int]:
        return [await gathering.ask(n, of=of) for n in range(200)]

    answers = await asyncio.gather(*(keep_asking(of) for of in "abc"))
    assert answers == [[2 * n for n in range(200)]] * 3
    assert gathering.running == set()
