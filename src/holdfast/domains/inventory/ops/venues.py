"""Make, read and change venues."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import Actor, ActorType
from holdfast.contracts.inventory import VenueDraft, VenueId, VenuePatch, VenueView
from holdfast.domains.inventory.exceptions import VIOLATIONS, NotYourVenue, VenueNotFound
from holdfast.domains.inventory.queries import catalogue
from holdfast.kernel.database import transaction
from holdfast.kernel.ids import uuid7
from holdfast.kernel.paging import Page, PageRequest


class CreateVenue:
    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, draft: VenueDraft, *, now: datetime, actor: Actor) -> VenueView:
        """A supplier's venues are its own; the house says whose. NotYourVenue for another's name."""
        supplier_id = actor.id if actor.type is ActorType.SUPPLIER else draft.supplier_id
        if draft.supplier_id is not None and draft.supplier_id != supplier_id:
            raise NotYourVenue(pointer="/supplier_id")
        made = {"id": uuid7(), "supplier_id": supplier_id, "created_at": now, "updated_at": now}
        async with transaction(self.db, VIOLATIONS):
            values = draft.model_dump() | made
            return await catalogue.add_venue(self.db, values)


class GetVenue:
    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, venue_id: VenueId) -> VenueView:
        venue = await catalogue.venue(self.db, venue_id)
        if venue is None:
            raise VenueNotFound
        return venue


class ListVenues:
    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, page: PageRequest, *, type_: str | None) -> Page[VenueView]:
        return await catalogue.venue_page(self.db, page, type_=type_)


class UpdateVenue:
    """Change the fields given. Its time zone is for good: every opening hour and bucket hangs on it."""

    CLEARABLE = frozenset({"address"})

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, venue_id: VenueId, patch: VenuePatch, *, now: datetime, actor: Actor) -> VenueView:
        """Raises VenueNotFound, NotYourVenue."""
        given = patch.model_dump(exclude_unset=True)
        values = {key: value for key, value in given.items() if value is not None or key in self.CLEARABLE}
        async with transaction(self.db, VIOLATIONS):
            before = await catalogue.venue(self.db, venue_id)
            if before is not None and not actor.supplies(before.supplier_id):
                raise NotYourVenue
            venue = await catalogue.change_venue(self.db, venue_id, values | {"updated_at": now})
            if venue is None:
                raise VenueNotFound
        return venue
