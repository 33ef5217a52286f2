"""What people say about themselves; in the caller's own session, in which the database shows no other row."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import Preferences, ProfileChange, UserId, UserView
from holdfast.domains.identity.exceptions import VIOLATIONS
from holdfast.domains.identity.queries import people
from holdfast.kernel.database import transaction


class GetUser:
    """UserNotFound."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, user_id: UserId) -> UserView:
        return (await people.get(self.db, user_id)).view()


class ChangeProfile:
    """Absent fields stay, and so does a name given as null; a phone given as null is removed. UserNotFound."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, user_id: UserId, change: ProfileChange, *, now: datetime) -> UserView:
        said = change.model_dump(include=change.model_fields_set)
        if said.get("full_name", "") is None:
            del said["full_name"]
        async with transaction(self.db):
            if not said:
                return (await people.get(self.db, user_id)).view()
            return (await people.change(self.db, user_id, **said, updated_at=now)).view()


class GetPreferences:
    """The defaults until others are set."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, user_id: UserId) -> Preferences:
        return await people.preferences_of(self.db, user_id)


class FindPreferences:
    """None where there is no such account; only what was said is set in them."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, user_id: UserId) -> Preferences | None:
        return await people.find_preferences(self.db, user_id)


class SetPreferences:
    """These replace all earlier ones."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, user_id: UserId, preferences: Preferences, *, now: datetime) -> Preferences:
        async with transaction(self.db, VIOLATIONS):
            await people.put_preferences(self.db, user_id, preferences, now=now)
        return preferences
