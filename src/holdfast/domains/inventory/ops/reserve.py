"""Reserve one thing."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.inventory import Claim, Maker, ReservationView, ReserveRequest
from holdfast.domains.inventory.exceptions import HoldInThePast, HoldTooLong
from holdfast.domains.inventory.ops.reserve_many import ReserveMany
from holdfast.kernel.errors import Refusal


class Reserve:
    """A client's hold: a batch of one that raises its refusal. Asked again, it gives the same reservation."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, request: ReserveRequest, *, max_hold: timedelta, now: datetime) -> ReservationView:
        if request.expires_at <= now:
            raise HoldInThePast(pointer="/expires_at")
        if request.expires_at > now + max_hold:
            raise HoldTooLong(pointer="/expires_at", latest=now + max_hold)
        claim = Claim.model_validate(request.model_dump() | {"made_by": Maker.CLIENT})
        answer = (await ReserveMany(self.db).execute([claim], now=now))[0]
        if isinstance(answer, Refusal):
            raise answer
        return answer
