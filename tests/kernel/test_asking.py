"""Nothing is open while another machine is asked, and what was written before the question is written once."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.clients.asking import AskingFirst, NeverTheSame, answer, asking_first
from holdfast.kernel.database import InTransaction, Scope, transaction
from holdfast.kernel.errors import Conflict, Unavailable

WRITE = text("INSERT INTO kernel.turns (name, next_at) VALUES (:name, now())")


@dataclass
class Operation:
    """Writes, asks, writes; and somebody to ask, who looks whether anything is open."""

    db: AsyncSession
    say: Callable[[str], bytes] = lambda what: what.encode()
    asked: list[str] = field(default_factory=list)
    fresh: Iterator[int] | None = None

    async def execute(self, *questions: str) -> list[bytes]:
        answers = []
        async with transaction(self.db):
            for what in questions:
                await self.db.execute(WRITE, {"name": what})
                told = f"{what} {next(self.fresh)}" if self.fresh else what
                answers.append(await answer(self.db, ("port", "method", told.encode()), self.put(told)))
        return answers

    def put(self, what: str) -> Callable[[], Awaitable[bytes]]:
        async def put() -> bytes:
            assert not isinstance(self.db.info.get("scope"), Scope)
            self.asked.append(what)
            return self.say(what)

        return put


@pytest.fixture
def operation(db: AsyncSession) -> Operation:
    return Operation(db)


async def written(db: AsyncSession) -> list[str]:
    return list(await db.scalars(text("SELECT name FROM kernel.turns ORDER BY name")))


async def test_each_question_is_put_once_and_with_nothing_open(operation: Operation, db: AsyncSession) -> None:
    assert await AskingFirst(operation).execute("a", "b", "c") == [b"a", b"b", b"c"]
    assert operation.asked == ["a", "b", "c"]
    assert await written(db) == ["a", "b", "c"]


async def test_a_refusal_is_an_answer_and_nothing_is_written(operation: Operation, db: AsyncSession) -> None:
    def refuse(what: str) -> bytes:
        if what == "b":
            raise Conflict("no")
        return b""

    operation.say = refuse
    with pytest.raises(Conflict, match="no"):
        await asking_first(lambda: operation.execute("a", "b", "c"))
    assert operation.asked == ["a", "b"]
    assert await written(db) == []


async def test_who_is_away_leaves_nothing_written(operation: Operation, db: AsyncSession) -> None:
    def away(what: str) -> bytes:
        raise Unavailable

    operation.say = away
    with pytest.raises(Unavailable):
        await asking_first(lambda: operation.execute("a"))
    assert await written(db) == []


async def test_an_operation_inside_another_asks_with_it(operation: Operation, db: AsyncSession) -> None:
    async def outer() -> list[bytes]:
        async with transaction(db):
            await db.execute(WRITE, {"name": "outer"})
            return await asking_first(lambda: operation.execute("inner"))

    assert await asking_first(outer) == [b"inner"]
    assert await written(db) == ["inner", "outer"]


async def test_to_ask_in_a_transaction_that_cannot_begin_anew_is_a_mistake(
    operation: Operation, db: AsyncSession
) -> None:
    with pytest.raises(InTransaction):
        await operation.execute("a")
    assert operation.asked == []
    assert await written(db) == []


async def test_an_operation_that_asks_something_else_each_time_is_ended(
    operation: Operation, db: AsyncSession
) -> None:
    operation.fresh = count()
    with pytest.raises(NeverTheSame):
        await asking_first(lambda: operation.execute(f"question {uuid4()}"))
    assert await written(db) == []
