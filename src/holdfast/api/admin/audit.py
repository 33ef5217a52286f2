"""The record of who did what, for admins."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import StringConstraints

from holdfast.api import problems
from holdfast.api.dependencies import AdminActor, Paging, Session
from holdfast.kernel.audit import ActView, page_of_acts
from holdfast.kernel.paging import Page

router = APIRouter(prefix="/api/v1/admin", tags=["operation"])

Action = Annotated[str, StringConstraints(pattern=r"^[a-z_]+(\.[a-z_]+)*$", max_length=100)]


@router.get("/audit", responses=problems.documents())
async def read_audit(
    db: Session,
    page: Paging,
    actor: AdminActor,
    action: Annotated[Action | None, Query(examples=["booking.cancelled"])] = None,
    subject_id: UUID | None = None,
) -> Page[ActView]:
    """Newest first; of one kind of act, or about one booking or account, where asked so."""
    return await page_of_acts(db, page, action=action, subject_id=subject_id)
