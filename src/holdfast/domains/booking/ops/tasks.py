"""What staff has to see to."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import TaskId, TaskView
from holdfast.contracts.identity import Actor
from holdfast.domains.booking.exceptions import VIOLATIONS, NotYourMove
from holdfast.domains.booking.queries import items as rows
from holdfast.kernel.database import transaction
from holdfast.kernel.paging import Page, PageRequest


class ListTasks:
    """Open tasks, the oldest first; NotYourMove for all but the house."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, page: PageRequest, *, actor: Actor) -> Page[TaskView]:
        if not actor.is_house:
            raise NotYourMove
        return await rows.open_tasks(self.db, page)


class FinishTask:
    """Mark a task as done; NotYourMove, TaskNotFound. Doing it twice is fine."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, task_id: TaskId, *, now: datetime, actor: Actor) -> TaskView:
        if not actor.is_house:
            raise NotYourMove
        async with transaction(self.db, VIOLATIONS):
            return await rows.finish_task(self.db, task_id, by=actor.id, now=now)
