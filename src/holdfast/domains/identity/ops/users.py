"""Looking accounts up."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import Role, UserId, UserView
from holdfast.domains.identity.exceptions import UserNotFound
from holdfast.domains.identity.queries import api_keys, people, proofs, sessions
from holdfast.domains.identity.rules.limits import REMEMBERED
from holdfast.kernel.database import transaction
from holdfast.kernel.paging import Page, PageRequest


class ListUsers:
    """Newest first, by any part of the address and by role."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, page: PageRequest, *, email: str | None, role: Role | None) -> Page[UserView]:
        return await people.page_of_users(self.db, page, email=email, role=role)


class FindUser:
    """The account of an address; UserNotFound."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, email: str) -> UserView:
        user = await people.find_by_email(self.db, email)
        if user is None:
            raise UserNotFound
        return user.view()


class FindAccount:
    """The account under this id, or None."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, user_id: UserId) -> UserView | None:
        user = await people.find_by_id(self.db, user_id)
        return user.view() if user else None


class PruneProofs:
    """Forget codes, counted tries, spent links and sessions that are past their end, and API keys that expired a
    month ago, as sessions that were ended then; how many there were."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, *, now: datetime) -> int:
        async with transaction(self.db):
            pruned = await proofs.prune(self.db, now=now)
            pruned += await sessions.prune(self.db, ended_by=now - REMEMBERED, now=now)
            return pruned + await api_keys.prune(self.db, expired_by=now - REMEMBERED)
