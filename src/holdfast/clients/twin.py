"""A port's HTTP twin: fits the Protocol by asking the peer whatever its signatures say."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.clients.asking import answer
from holdfast.kernel.access import NOBODY, Caller
from holdfast.kernel.crossing import Call, calls
from holdfast.kernel.database import Scope

# has it done once the running transaction has committed
Later = Callable[[AsyncSession, Call, Mapping[str, Any]], Awaitable[object]]


class Asked(Protocol):
    """Somewhere to put questions; a `Peer`."""

    async def ask(
        self, port: str, method: str, body: bytes, *, caller: Caller, once: str | None = None
    ) -> bytes: ...


@dataclass(frozen=True)
class Twin:
    """`db` is the session of whoever asks: the peer's database is to take the call for the same caller's."""

    port: str
    shape: type
    peer: Asked
    db: AsyncSession
    later: Mapping[str, Later]

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        call = calls(self.shape).get(name)
        if call is None:
            raise AttributeError(name)

        async def ask(*args: Any, **kwargs: Any) -> Any:
            if name in self.later and isinstance(self.db.info.get("scope"), Scope):
                return await self.later[name](self.db, call, call.signature.bind(*args, **kwargs).arguments)
            body = call.asked(*args, **kwargs)
            caller = cast(Caller, self.db.info.get("caller", NOBODY))
            question = (self.port, name, call.about(*args, **kwargs))
            said = await answer(self.db, question, lambda: self.peer.ask(self.port, name, body, caller=caller))
            return call.answered(said)

        return ask
