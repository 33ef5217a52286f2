"""Endpoints: made, seen, changed and removed by their owner, and by the house."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import Actor
from holdfast.contracts.webhook import (
    DisabledBecause,
    EndpointChange,
    EndpointDraft,
    EndpointId,
    EndpointMade,
    EndpointView,
    SecretRotated,
)
from holdfast.domains.webhook.exceptions import RotatedTooOften, SuppliersAndHouseOnly, TooManyEndpoints
from holdfast.domains.webhook.keyring import Keyring
from holdfast.domains.webhook.ops.acts import act, owner_to_look_for, shown
from holdfast.domains.webhook.queries import deliveries, endpoints
from holdfast.domains.webhook.rules.audience import audience_of
from holdfast.domains.webhook.rules.signing import new_secret
from holdfast.domains.webhook.rules.targets import TargetRules
from holdfast.kernel.audit import attest
from holdfast.kernel.database import transaction
from holdfast.kernel.ids import uuid7
from holdfast.kernel.paging import Page, PageRequest

MAX_ENDPOINTS = 20
# how long a replaced secret still signs
OVERLAP = timedelta(hours=24)
# each is one more signature with every message
MAX_SECRETS = 5


class CreateEndpoint:
    """An endpoint of the actor's, with its secret: SuppliersAndHouseOnly, TargetRefused, TooManyEndpoints."""

    def __init__(self, db: AsyncSession, keyring: Keyring, targets: TargetRules) -> None:
        self.db = db
        self.keyring = keyring
        self.targets = targets

    async def execute(self, draft: EndpointDraft, *, now: datetime, actor: Actor) -> EndpointMade:
        audience = audience_of(actor)
        if actor.id is None:
            raise SuppliersAndHouseOnly
        self.targets.check(draft.url)
        secret = new_secret()
        made = EndpointView(
            id=EndpointId(uuid7()),
            owner_id=actor.id,
            url=draft.url,
            events=list(dict.fromkeys(draft.events)),
            description=draft.description,
            enabled=draft.enabled,
            disabled_because=None if draft.enabled else DisabledBecause.SWITCHED_OFF,
            failing_since=None,
            created_at=now,
            updated_at=now,
        )
        async with transaction(self.db):
            await endpoints.lock_owner(self.db, actor.id)
            if await endpoints.count_of(self.db, actor.id) >= MAX_ENDPOINTS:
                raise TooManyEndpoints(most=MAX_ENDPOINTS)
            await endpoints.insert_endpoint(self.db, made, audience)
            await endpoints.insert_secret(self.db, made.id, self.keyring.sealed(made.id, secret), now=now)
            attest(self.db, act("webhook.created", made, actor, after=shown(made)), now=now)
        return EndpointMade(**made.model_dump(), secret=secret)


class ListEndpoints:
    """The actor's own, or everybody's for the house; the newest first."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, page: PageRequest, *, actor: Actor) -> Page[EndpointView]:
        return await endpoints.page_of_endpoints(self.db, page, owner_id=owner_to_look_for(actor))


class GetEndpoint:
    """EndpointNotFound, for a stranger too."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, endpoint_id: EndpointId, *, actor: Actor) -> EndpointView:
        return await endpoints.get(self.db, endpoint_id, owner_id=owner_to_look_for(actor))


class ChangeEndpoint:
    """Enabling forgets its failures; disabling gives up what waits for it. EndpointNotFound, TargetRefused."""

    def __init__(self, db: AsyncSession, targets: TargetRules) -> None:
        self.db = db
        self.targets = targets

    async def execute(
        self, endpoint_id: EndpointId, change: EndpointChange, *, now: datetime, actor: Actor
    ) -> EndpointView:
        values: dict[str, object] = {**change.model_dump(exclude_none=True), "updated_at": now}
        async with transaction(self.db):
            before = await endpoints.get(self.db, endpoint_id, owner_id=owner_to_look_for(actor), lock=True)
            if change.url is not None and change.url != before.url:
                self.targets.check(change.url)
            if change.enabled is True:
                values |= {"disabled_because": None, "failing_since": None}
                if actor.id == before.owner_id:  # who lost a role and got another one hears what that one may
                    values["audience"] = audience_of(actor)
            if change.enabled is False:
                values["disabled_because"] = before.disabled_because or DisabledBecause.SWITCHED_OFF
                await deliveries.give_up_waiting(self.db, [endpoint_id])
            changed = await endpoints.change(self.db, endpoint_id, values)
            attest(
                self.db,
                act("webhook.changed", changed, actor, before=shown(before), after=shown(changed)),
                now=now,
            )
        return changed


class DeleteEndpoint:
    """With its secrets, what waits for it, and its log. EndpointNotFound."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, endpoint_id: EndpointId, *, now: datetime, actor: Actor) -> None:
        async with transaction(self.db):
            gone = await endpoints.get(self.db, endpoint_id, owner_id=owner_to_look_for(actor), lock=True)
            await endpoints.remove(self.db, endpoint_id)
            attest(self.db, act("webhook.deleted", gone, actor, before=shown(gone)), now=now)


class RotateSecret:
    """A new secret; the old one signs too for a day. EndpointNotFound, RotatedTooOften."""

    def __init__(self, db: AsyncSession, keyring: Keyring) -> None:
        self.db = db
        self.keyring = keyring

    async def execute(self, endpoint_id: EndpointId, *, now: datetime, actor: Actor) -> SecretRotated:
        secret, old_valid_until = new_secret(), now + OVERLAP
        async with transaction(self.db):
            found = await endpoints.get(self.db, endpoint_id, owner_id=owner_to_look_for(actor), lock=True)
            valid = await endpoints.retire_secret(self.db, endpoint_id, now=now, valid_until=old_valid_until)
            if valid >= MAX_SECRETS:
                raise RotatedTooOften(most=MAX_SECRETS)
            sealed = self.keyring.sealed(endpoint_id, secret)
            await endpoints.insert_secret(self.db, endpoint_id, sealed, now=now)
            attest(self.db, act("webhook.secret_rotated", found, actor), now=now)
        return SecretRotated(secret=secret, old_valid_until=old_valid_until)
