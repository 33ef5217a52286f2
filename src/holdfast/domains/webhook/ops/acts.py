"""Whose endpoints an actor may touch, and what goes on record."""

from pydantic import JsonValue

from holdfast.contracts.identity import Actor, UserId
from holdfast.contracts.webhook import EndpointView
from holdfast.domains.webhook.exceptions import SuppliersAndHouseOnly
from holdfast.kernel.audit import Act


def owner_to_look_for(actor: Actor) -> UserId | None:
    """The actor, or None for the house, which sees everybody's. SuppliersAndHouseOnly for who is nobody."""
    if actor.is_house:
        return None
    if actor.id is None:
        raise SuppliersAndHouseOnly
    return actor.id


def shown(endpoint: EndpointView) -> dict[str, JsonValue]:
    return endpoint.model_dump(mode="json", include={"url", "events", "enabled", "disabled_because"})


def act(
    action: str,
    endpoint: EndpointView,
    actor: Actor,
    *,
    before: dict[str, JsonValue] | None = None,
    after: dict[str, JsonValue] | None = None,
) -> Act:
    return Act(
        action=action,
        actor_type=actor.type,
        actor_id=actor.id,
        subject_type="webhook_endpoint",
        subject_id=endpoint.id,
        before=before,
        after=after,
    )
