"""Ask first, write after: no transaction is open while another machine is asked.

An operation may ask its ports in the middle of its transaction: in one process they are a few statements on the
same connection. Where such a port is elsewhere, the question ends the transaction instead (`Unasked`), whatever it
wrote is undone, the question is put with nothing open, and the operation begins anew, now knowing the answer:

    begin ─ read, lock, write ─ question not asked yet ─> roll back ─> ask ─> begin … same question: known ─ commit

So what an operation asks must follow from its arguments and from what it reads. What the other did by then stays
done where the transaction fails after all: each such effect is repeatable, and ends by itself or with its booking
(docs/adr/0022-services-apart.md).
"""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.kernel.database import InTransaction, Scope
from holdfast.kernel.errors import Refusal

# the longest chain is an update: facts, price, move, a way to pay
MOST_QUESTIONS = 32

T = TypeVar("T")
Question = tuple[str, str, bytes]
Put = Callable[[], Awaitable[bytes]]


class Unasked(BaseException):
    """Not an error: nothing that handles those may keep it from undoing the transaction."""

    def __init__(self, question: Question, put: Put) -> None:
        super().__init__(question)
        self.question = question
        self.put = put


class NeverTheSame(RuntimeError):
    """An operation asks something else each time it begins."""


@dataclass
class Known:
    """What was answered so far, refusals too."""

    answers: dict[Question, bytes | Refusal] = field(default_factory=dict)

    async def learn(self, unasked: Unasked) -> None:
        try:
            self.answers[unasked.question] = await unasked.put()
        except Refusal as refusal:
            self.answers[unasked.question] = refusal

    def answer(self, question: Question, put: Put) -> bytes:
        if question not in self.answers:
            raise Unasked(question, put)
        known = self.answers[question]
        if isinstance(known, Refusal):
            raise known
        return known


known: ContextVar[Known | None] = ContextVar("known", default=None)


async def asking_first(operation: Callable[[], Awaitable[T]]) -> T:
    """Run it until it has nothing left to ask; inside another that does, as a part of that."""
    if known.get() is not None:
        return await operation()
    learnt = Known()
    token = known.set(learnt)
    try:
        for _ in range(MOST_QUESTIONS):
            try:
                return await operation()
            except Unasked as unasked:
                await learnt.learn(unasked)
        raise NeverTheSame
    finally:
        known.reset(token)


async def answer(db: AsyncSession, question: Question, put: Put) -> bytes:
    """The answer, at once where nothing is open; InTransaction where nobody could begin anew."""
    if not isinstance(db.info.get("scope"), Scope):
        return await put()
    learnt = known.get()
    if learnt is None:
        raise InTransaction(f"{question[0]}.{question[1]} is asked of another service inside a transaction")
    return learnt.answer(question, put)


class AskingFirst:
    """A facade each of whose operations asks first."""

    def __init__(self, facade: object) -> None:
        self.facade = facade

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.facade, name)
        if not iscoroutinefunction(found):
            return found

        @wraps(found)
        async def operation(*args: Any, **kwargs: Any) -> Any:
            return await asking_first(lambda: found(*args, **kwargs))

        return operation
