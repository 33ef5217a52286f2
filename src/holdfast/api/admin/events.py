"""Events that were told, wait, or were given up."""

from uuid import UUID

from fastapi import APIRouter

from holdfast.api import problems
from holdfast.api.dependencies import HouseActor, Now, Paging, Session, SystemSession
from holdfast.kernel.event_log import (
    EventNotFound,
    EventNotParked,
    EventStatus,
    EventView,
    page_of_events,
    replay_event,
)
from holdfast.kernel.paging import Page

router = APIRouter(prefix="/api/v1/admin/events", tags=["operation"])


@router.get("", responses=problems.documents())
async def list_events(
    db: Session, paging: Paging, actor: HouseActor, status: EventStatus = EventStatus.PARKED
) -> Page[EventView]:
    """Newest first; by default those that were given up after the last try, and why."""
    return await page_of_events(db, paging, status=status)


@router.post("/{event_id}/replay", responses=problems.documents(EventNotFound, EventNotParked))
async def replay_parked_event(event_id: UUID, db: SystemSession, now: Now, actor: HouseActor) -> EventView:
    """Have an event that was given up told again, to those who have not heard it yet."""
    return await replay_event(db, event_id, now=now, actor_type=actor.type, actor_id=actor.id)
