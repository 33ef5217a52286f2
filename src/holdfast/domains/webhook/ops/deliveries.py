"""What was sent to an endpoint, sending it again, and sending it something to try."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import Actor
from holdfast.contracts.webhook import DeliveryId, DeliveryStatus, DeliveryView, EndpointId
from holdfast.domains.webhook.exceptions import DeliveryUnderWay, EndpointDisabled
from holdfast.domains.webhook.ops.acts import act, owner_to_look_for
from holdfast.domains.webhook.queries import deliveries, endpoints
from holdfast.domains.webhook.rules.signing import message
from holdfast.kernel.audit import attest
from holdfast.kernel.database import transaction
from holdfast.kernel.ids import uuid7
from holdfast.kernel.paging import Page, PageRequest

TEST = "webhook.test"


class ListDeliveries:
    """Newest first, each with its tries. EndpointNotFound."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(
        self, endpoint_id: EndpointId, page: PageRequest, *, status: DeliveryStatus | None, actor: Actor
    ) -> Page[DeliveryView]:
        await endpoints.get(self.db, endpoint_id, owner_id=owner_to_look_for(actor))
        return await deliveries.page_of_deliveries(self.db, endpoint_id, page, status=status)


class SendTest:
    """Queue a `webhook.test`, whatever events the endpoint asks for. EndpointNotFound, EndpointDisabled."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, endpoint_id: EndpointId, *, now: datetime, actor: Actor) -> DeliveryView:
        async with transaction(self.db):
            found = await endpoints.get(self.db, endpoint_id, owner_id=owner_to_look_for(actor))
            if not found.enabled:
                raise EndpointDisabled
            event_id = uuid7()
            body = message(TEST, now, {"event_id": str(event_id), "endpoint_id": str(endpoint_id)})
            draft = deliveries.Draft(endpoint_id, event_id, TEST, aggregate_id=event_id, body=body, at=now)
            (delivery_id,) = await deliveries.insert_deliveries(self.db, [draft])
            return await deliveries.get(self.db, delivery_id, owner_id=None)


class ReplayDelivery:
    """Send a message again, delivered or given up, with the same id and all its tries.

    DeliveryNotFound, DeliveryUnderWay, EndpointDisabled.
    """

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, delivery_id: DeliveryId, *, now: datetime, actor: Actor) -> DeliveryView:
        owner = owner_to_look_for(actor)
        async with transaction(self.db):
            found = await deliveries.get(self.db, delivery_id, owner_id=owner, lock=True)
            endpoint = await endpoints.get(self.db, found.endpoint_id, owner_id=owner)
            if found.status in (DeliveryStatus.WAITING, DeliveryStatus.SENDING):
                raise DeliveryUnderWay
            if not endpoint.enabled:
                raise EndpointDisabled
            await deliveries.queue_again(self.db, delivery_id, now=now)
            if actor.id != endpoint.owner_id:
                after = {"delivery_id": str(delivery_id), "event_id": str(found.event_id)}
                attest(self.db, act("webhook.replayed", endpoint, actor, after={**after}), now=now)
            return await deliveries.get(self.db, delivery_id, owner_id=None)
