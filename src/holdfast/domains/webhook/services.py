"""Webhook's facade: one method per operation, no logic."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import Actor
from holdfast.contracts.webhook import (
    DeliveryId,
    DeliveryStatus,
    DeliveryView,
    EndpointChange,
    EndpointDraft,
    EndpointId,
    EndpointMade,
    EndpointView,
    SecretRotated,
)
from holdfast.domains.webhook.keyring import Keyring
from holdfast.domains.webhook.ops.deliveries import ListDeliveries, ReplayDelivery, SendTest
from holdfast.domains.webhook.ops.endpoints import (
    ChangeEndpoint,
    CreateEndpoint,
    DeleteEndpoint,
    GetEndpoint,
    ListEndpoints,
    RotateSecret,
)
from holdfast.domains.webhook.ops.send import CLAIM, ClaimDeliveries, SendDelivery
from holdfast.domains.webhook.ports import Sender
from holdfast.domains.webhook.queries.deliveries import Claimed, forget_before
from holdfast.domains.webhook.rules.targets import TargetRules
from holdfast.kernel.clock import Clock
from holdfast.kernel.database import transaction
from holdfast.kernel.paging import Page, PageRequest


class WebhookService:
    def __init__(self, db: AsyncSession, keyring: Keyring, targets: TargetRules) -> None:
        self.db = db
        self.keyring = keyring
        self.targets = targets

    async def create(self, draft: EndpointDraft, *, now: datetime, actor: Actor) -> EndpointMade:
        return await CreateEndpoint(self.db, self.keyring, self.targets).execute(draft, now=now, actor=actor)

    async def list_endpoints(self, page: PageRequest, *, actor: Actor) -> Page[EndpointView]:
        return await ListEndpoints(self.db).execute(page, actor=actor)

    async def get(self, endpoint_id: EndpointId, *, actor: Actor) -> EndpointView:
        return await GetEndpoint(self.db).execute(endpoint_id, actor=actor)

    async def change(
        self, endpoint_id: EndpointId, change: EndpointChange, *, now: datetime, actor: Actor
    ) -> EndpointView:
        return await ChangeEndpoint(self.db, self.targets).execute(endpoint_id, change, now=now, actor=actor)

    async def delete(self, endpoint_id: EndpointId, *, now: datetime, actor: Actor) -> None:
        await DeleteEndpoint(self.db).execute(endpoint_id, now=now, actor=actor)

    async def rotate_secret(self, endpoint_id: EndpointId, *, now: datetime, actor: Actor) -> SecretRotated:
        return await RotateSecret(self.db, self.keyring).execute(endpoint_id, now=now, actor=actor)

    async def send_test(self, endpoint_id: EndpointId, *, now: datetime, actor: Actor) -> DeliveryView:
        return await SendTest(self.db).execute(endpoint_id, now=now, actor=actor)

    async def list_deliveries(
        self,
        endpoint_id: EndpointId,
        page: PageRequest,
        *,
        status: DeliveryStatus | None = None,
        actor: Actor,
    ) -> Page[DeliveryView]:
        return await ListDeliveries(self.db).execute(endpoint_id, page, status=status, actor=actor)

    async def replay(self, delivery_id: DeliveryId, *, now: datetime, actor: Actor) -> DeliveryView:
        return await ReplayDelivery(self.db).execute(delivery_id, now=now, actor=actor)

    async def claim_due(
        self, *, limit: int, now: datetime, claim: timedelta = CLAIM
    ) -> list[tuple[Claimed, Sequence[bytes]]]:
        """Only in a session of the system: nobody else sends."""
        return await ClaimDeliveries(self.db).execute(limit=limit, now=now, claim=claim)

    async def send(self, message: Claimed, boxes: Sequence[bytes], sender: Sender, *, clock: Clock) -> None:
        await SendDelivery(self.db, self.keyring, sender).execute(message, boxes, clock=clock)

    async def forget_before(self, instant: datetime) -> int:
        async with transaction(self.db):
            return await forget_before(self.db, instant)
