"""Who a seller is in law: what stands on invoices from now on; those that are out keep what they say."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.document import SellerDraft, SellerView
from holdfast.contracts.identity import Actor, UserId
from holdfast.domains.document import queries
from holdfast.domains.document.exceptions import NotYourSeller, SellerNotFound
from holdfast.domains.document.records import HOUSE
from holdfast.kernel.audit import Act, attest
from holdfast.kernel.database import transaction


class SetSeller:
    """The house for itself and any supplier, a supplier for itself; NotYourSeller for others."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(
        self, seller_id: UserId | None, draft: SellerDraft, *, now: datetime, actor: Actor
    ) -> SellerView:
        must_be(seller_id, actor)
        kept_id = seller_id or HOUSE
        async with transaction(self.db):
            before = await queries.seller(self.db, kept_id)
            await queries.set_seller(self.db, kept_id, draft, now=now)
            act = Act(
                action="seller.changed",
                actor_type=actor.type,
                actor_id=actor.id,
                subject_type="seller",
                subject_id=kept_id,
                before=before[0].model_dump(mode="json") if before else None,
                after=draft.model_dump(mode="json"),
            )
            attest(self.db, act, now=now)
        return SellerView(id=seller_id, updated_at=now, **draft.model_dump())


class GetSeller:
    """As they said who they are; SellerNotFound before they did, NotYourSeller for others."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, seller_id: UserId | None, *, actor: Actor) -> SellerView:
        must_be(seller_id, actor)
        kept = await queries.seller(self.db, seller_id or HOUSE)
        if kept is None:
            raise SellerNotFound
        details, updated_at = kept
        return SellerView(id=seller_id, updated_at=updated_at, **details.model_dump())


def must_be(seller_id: UserId | None, actor: Actor) -> None:
    if not actor.supplies(seller_id):
        raise NotYourSeller
