"""A booking that starts as a lead: a wish with a price, holding nothing."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import (
    BookingDrafted,
    BookingId,
    BookingView,
    CancellationPolicy,
    GuestId,
    LeadDraft,
    Lifecycle,
    Status,
)
from holdfast.contracts.identity import Actor
from holdfast.contracts.inventory import ResourceFacts
from holdfast.contracts.pricing import PriceQuery, PriceView
from holdfast.domains.booking import queries
from holdfast.domains.booking.exceptions import VIOLATIONS, NotYourMove, ReferencesExhausted, ResourceUnknown
from holdfast.domains.booking.ops.advance import Because, snapshot
from holdfast.domains.booking.ops.availability import wishes_of
from holdfast.domains.booking.ops.create import REFERENCE_DRAWS, first_entry
from holdfast.domains.booking.ports import Inventory, Pricing
from holdfast.domains.booking.records import BookingRecord
from holdfast.domains.booking.rules.machines import Machines
from holdfast.domains.booking.rules.references import new_reference
from holdfast.kernel.database import transaction
from holdfast.kernel.idempotency import Answer, Once, keep, kept
from holdfast.kernel.ids import uuid7
from holdfast.kernel.money import Money
from holdfast.kernel.outbox import record

START = Machines(Status.DRAFT, Lifecycle.LEAD_CREATED)


class CreateLead:
    """Write a booking as DRAFT and lead_created, priced as of now. Nothing is held until it becomes
    booking_created, which claims and prices it anew.

    Refusals: NotYourMove for all but the house; ResourceUnknown; those of pricing.
    """

    def __init__(self, db: AsyncSession, inventory: Inventory, pricing: Pricing) -> None:
        self.db = db
        self.inventory = inventory
        self.pricing = pricing

    async def execute(self, draft: LeadDraft, *, now: datetime, actor: Actor) -> Answer[BookingView]:
        if not actor.is_house:
            raise NotYourMove
        once = Once.of(draft.idempotency_key, caller=actor.caller, operation="create-lead", payload=draft)
        (wish,) = await wishes_of(self.inventory, [draft])
        resource_id = draft.resource_id
        assert resource_id is not None  # a lead's contract sees to it
        async with transaction(self.db, VIOLATIONS):
            if earlier := await kept(self.db, once, BookingView):
                return earlier
            found = await self.inventory.describe_many([resource_id])
            if resource_id not in found:
                raise ResourceUnknown(pointer="/resource_id")
            query = PriceQuery(
                resource_id=resource_id, start_at=wish.start_at, end_at=wish.end_at, party_size=draft.party_size
            )
            price = await self.pricing.calculate(query)
            venue_id = found[resource_id].venue.id
            policy = (await queries.policies_of(self.db, [venue_id])).get(venue_id, CancellationPolicy())
            lead = lead_of(draft, found[resource_id], price, policy, end_at=wish.end_at, now=now)
            lead = await self.insert(lead)
            because = Because(actor=actor, idempotency_key=draft.idempotency_key)
            await queries.insert_history(self.db, [first_entry(lead, at=START, because=because, now=now)])
            record(self.db, BookingDrafted(**snapshot(lead, actor=actor, now=now)))
            view = lead.view()
            await keep(self.db, once, view, now=now)
        return Answer(view)

    async def insert(self, lead: BookingRecord) -> BookingRecord:
        for _ in range(REFERENCE_DRAWS):
            tried = replace(lead, reference=new_reference())
            if await queries.insert_many(self.db, [tried]):
                return tried
        raise ReferencesExhausted(retry_after=1)


def lead_of(
    draft: LeadDraft,
    resource: ResourceFacts,
    price: PriceView,
    policy: CancellationPolicy,
    *,
    end_at: datetime,
    now: datetime,
) -> BookingRecord:
    return BookingRecord(
        id=BookingId(uuid7()),
        reference="",
        status=START.status,
        lifecycle_status=START.lifecycle,
        version=1,
        resource_id=resource.id,
        reservation_id=None,
        venue_id=resource.venue.id,
        venue_type=resource.venue.type,
        venue_name=resource.venue.name,
        supplier_id=resource.supplier_id,
        guest_id=draft.guest.id or GuestId(uuid7()),
        guest_name=draft.guest.name,
        guest_email=draft.guest.email,
        guest_phone=draft.guest.phone,
        start_at=draft.start_at,
        end_at=end_at,
        party_size=draft.party_size,
        currency=price.currency,
        price=price.model_dump(mode="json"),
        due_now_minor=Money.parse(price.due_now, price.currency).minor,
        policy=policy.model_dump(mode="json"),
        payment_provider=draft.payment_provider,
        notes=draft.notes,
        metadata=draft.metadata,
        expires_at=None,
        created_at=now,
        updated_at=now,
    )
