"""The line to a provider: what is tried again, when it is cut, and when it is tried anew."""

import asyncio
from dataclasses import dataclass, field

import pytest

from holdfast.domains.payment.exceptions import ProviderRefused, ProviderUnavailable
from holdfast.gateways.payments.line import Line
from holdfast.kernel.line import DEFAULT_RETRY_AFTER, FAILURES, PAUSE_SECONDS, TRIES, NoAnswer, share


@dataclass
class Provider:
    """Answers what it is told to, then "yes"."""

    answers: list[Exception] = field(default_factory=list)
    asked: int = 0

    async def __call__(self) -> str:
        self.asked += 1
        if self.answers:
            raise self.answers.pop(0)
        return "yes"


@dataclass
class Time:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def line(time: Time) -> Line:
    return Line("test", patience=30, clock=time, chance=lambda: 0.0)


async def refused(line: Line, provider: Provider, *, again: bool = True) -> int | None:
    with pytest.raises(ProviderUnavailable) as caught:
        await line.ask(provider, again=again)
    return caught.value.retry_after


async def test_what_may_be_asked_again_is(line: Line) -> None:
    provider = Provider([NoAnswer("lost"), NoAnswer("lost")])
    assert await line.ask(provider, again=True) == "yes"
    assert provider.asked == TRIES


async def test_what_may_not_be_asked_again_is_not(line: Line) -> None:
    provider = Provider([NoAnswer("lost")])
    assert await refused(line, provider, again=False) == DEFAULT_RETRY_AFTER
    assert provider.asked == 1


async def test_a_no_is_an_answer(line: Line) -> None:
    for _ in range(FAILURES * 2):
        provider = Provider([ProviderRefused("no")])
        with pytest.raises(ProviderRefused):
            await line.ask(provider, again=True)
        assert provider.asked == 1
    assert await line.ask(Provider(), again=True) == "yes"


async def test_who_asks_for_a_minute_is_not_asked_again_before(line: Line) -> None:
    provider = Provider([NoAnswer("slow down", retry_after=60)])
    assert await refused(line, provider) == 60
    assert provider.asked == 1


async def test_the_line_is_cut_until_one_question_finds_the_provider_back(line: Line, time: Time) -> None:
    for _ in range(FAILURES):
        await refused(line, Provider([NoAnswer("lost")]), again=False)
    unasked = Provider()
    time.now = 5.5
    assert await refused(line, unasked) == PAUSE_SECONDS - 5
    assert unasked.asked == 0

    time.now = PAUSE_SECONDS
    still_down = Provider([NoAnswer("lost")] * TRIES)
    assert await refused(line, still_down) == PAUSE_SECONDS
    assert still_down.asked == 1
    await refused(line, unasked)

    time.now = 2 * PAUSE_SECONDS
    going_on, started = asyncio.Event(), asyncio.Event()

    async def slowly() -> str:
        started.set()
        await going_on.wait()
        return "back"

    probe = asyncio.create_task(line.ask(slowly, again=True))
    await started.wait()
    await refused(line, unasked)
    assert unasked.asked == 0
    going_on.set()
    assert await probe == "back"
    assert await line.ask(unasked, again=True) == "yes"


async def test_a_question_that_is_given_up_leaves_the_line_usable(line: Line, time: Time) -> None:
    for _ in range(FAILURES):
        await refused(line, Provider([NoAnswer("lost")]), again=False)
    time.now = PAUSE_SECONDS
    probe = asyncio.create_task(line.ask(asyncio.Event().wait, again=True))
    await asyncio.sleep(0)
    probe.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probe
    assert await line.ask(Provider(), again=True) == "yes"


async def test_who_hangs_is_left_after_the_patience() -> None:
    line, asked = Line("test", patience=0.3), 0

    async def hang() -> None:
        nonlocal asked
        asked += 1
        await asyncio.sleep(60)

    with pytest.raises(ProviderUnavailable):
        await line.ask(hang, again=True)
    assert asked == TRIES


async def test_the_first_try_has_most_of_the_patience() -> None:
    line = Line("test", patience=20)
    shares = [share(attempt, tries=TRIES, patience=line.patience) for attempt in range(1, TRIES + 1)]
    assert shares == [12, 4, 4]
    assert share(1, tries=1, patience=line.patience) == 20
