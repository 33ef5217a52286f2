"""Endpoints that hear of events, and the log of what was sent to them: for suppliers and the house."""

from fastapi import APIRouter, status

from holdfast.api.dependencies import Now, Paging, SupplyingActor, Webhooks
from holdfast.api.problems import documents
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
from holdfast.domains.webhook.exceptions import (
    DeliveryNotFound,
    DeliveryUnderWay,
    EndpointDisabled,
    EndpointNotFound,
    RotatedTooOften,
    TargetRefused,
    TooManyEndpoints,
)
from holdfast.kernel.paging import Page

router = APIRouter(prefix="/api/v1/webhooks", tags=["webhooks"])


@router.post("", status_code=status.HTTP_201_CREATED, responses=documents(TargetRefused, TooManyEndpoints))
async def create_webhook(draft: EndpointDraft, actor: SupplyingActor, hooks: Webhooks, now: Now) -> EndpointMade:
    """The secret that messages are signed with is in this answer and never shown again.

    Endpoints of the house hear of everything, those of suppliers of bookings and payments at their own venues.
    """
    return await hooks.create(draft, now=now, actor=actor)


@router.get("", responses=documents())
async def list_webhooks(actor: SupplyingActor, hooks: Webhooks, page: Paging) -> Page[EndpointView]:
    """One's own, or everybody's for the house; the newest first."""
    return await hooks.list_endpoints(page, actor=actor)


@router.get("/{endpoint_id}", responses=documents(EndpointNotFound))
async def get_webhook(endpoint_id: EndpointId, actor: SupplyingActor, hooks: Webhooks) -> EndpointView:
    """One endpoint, never its secret."""
    return await hooks.get(endpoint_id, actor=actor)


@router.patch("/{endpoint_id}", responses=documents(EndpointNotFound, TargetRefused))
async def change_webhook(
    endpoint_id: EndpointId, change: EndpointChange, actor: SupplyingActor, hooks: Webhooks, now: Now
) -> EndpointView:
    """Absent fields stay. Disabling it gives up what waits for it; what happens meanwhile is not sent later."""
    return await hooks.change(endpoint_id, change, now=now, actor=actor)


@router.delete("/{endpoint_id}", status_code=status.HTTP_204_NO_CONTENT, responses=documents(EndpointNotFound))
async def delete_webhook(endpoint_id: EndpointId, actor: SupplyingActor, hooks: Webhooks, now: Now) -> None:
    """With its log and what waits for it."""
    await hooks.delete(endpoint_id, now=now, actor=actor)


@router.post("/{endpoint_id}/rotate-secret", responses=documents(EndpointNotFound, RotatedTooOften))
async def rotate_webhook_secret(
    endpoint_id: EndpointId, actor: SupplyingActor, hooks: Webhooks, now: Now
) -> SecretRotated:
    """A new secret, shown this once. For a day messages carry a signature of the old one too."""
    return await hooks.rotate_secret(endpoint_id, now=now, actor=actor)


@router.post(
    "/{endpoint_id}/test",
    status_code=status.HTTP_202_ACCEPTED,
    responses=documents(EndpointNotFound, EndpointDisabled),
)
async def test_webhook(endpoint_id: EndpointId, actor: SupplyingActor, hooks: Webhooks, now: Now) -> DeliveryView:
    """Queue a message of type `webhook.test`; its deliveries show what became of it."""
    return await hooks.send_test(endpoint_id, now=now, actor=actor)


@router.get("/{endpoint_id}/deliveries", responses=documents(EndpointNotFound))
async def list_webhook_deliveries(
    endpoint_id: EndpointId,
    actor: SupplyingActor,
    hooks: Webhooks,
    page: Paging,
    status: DeliveryStatus | None = None,
) -> Page[DeliveryView]:
    """What was sent, the newest first, with every try: when, how long it took, and what was answered."""
    return await hooks.list_deliveries(endpoint_id, page, status=status, actor=actor)


@router.post(
    "/deliveries/{delivery_id}/replay",
    status_code=status.HTTP_202_ACCEPTED,
    responses=documents(DeliveryNotFound, DeliveryUnderWay, EndpointDisabled),
)
async def replay_webhook_delivery(
    delivery_id: DeliveryId, actor: SupplyingActor, hooks: Webhooks, now: Now
) -> DeliveryView:
    """Send a message again, delivered or given up, with the same `webhook-id`."""
    return await hooks.replay(delivery_id, now=now, actor=actor)
