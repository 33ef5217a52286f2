"""What routes are given: a session, the facades, the instant, and who is calling.

All are coroutines, though few await: FastAPI sends a plain function to a thread, which costs more than the work.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, TypeVar, cast
from uuid import UUID

from fastapi import Depends, Header, Query, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.api.access import NotYourRole, ScopeMissing, SignInFirst, needed_scope
from holdfast.api.problems import InvalidRequest
from holdfast.contracts.identity import Actor, ActorType
from holdfast.domains.booking.services import BookingService
from holdfast.domains.identity.services import AccountService, ApiKeyService, IdentityService
from holdfast.domains.inventory.services import InventoryService
from holdfast.domains.payment.services import LedgerService, PaymentService, PaymentWork
from holdfast.domains.pricing.services import PricingService
from holdfast.domains.webhook.services import WebhookService
from holdfast.kernel.contract import Key
from holdfast.kernel.database import give_back
from holdfast.kernel.errors import Refusal
from holdfast.kernel.paging import MAX_LIMIT, PageRequest
from holdfast.wiring import Wiring

STRONG_TAG = re.compile(r'^"([1-9]\d{0,9})"$')


async def wiring(request: Request) -> Wiring:
    return cast(Wiring, request.app.state.wiring)


WiringDep = Annotated[Wiring, Depends(wiring)]


# the middleware has read both already; these tell the OpenAPI document of them, and /docs where to enter one
BEARER = HTTPBearer(
    scheme_name="bearer",
    description="An account's access token (a JWT), an API key (`hf_…`), or the `manage_token` of one booking "
    "(`bk_…`), which reads and cancels that booking.",
    auto_error=False,
)
API_KEY = APIKeyHeader(
    name="X-API-Key",
    scheme_name="api_key",
    description="The same API key in a header of its own.",
    auto_error=False,
)


async def actor(
    request: Request, bearer: Annotated[object, Security(BEARER)], key: Annotated[object, Security(API_KEY)]
) -> Actor:
    """Who calls, as the authentication middleware found; a token that is no good is refused here."""
    found = request.state.actor
    if isinstance(found, Refusal):
        raise found
    authorised = cast(Actor, found)
    needed = needed_scope(request.method, request.url.path)
    if authorised.scopes is not None and needed not in authorised.scopes:
        raise ScopeMissing(f"this API key lacks the scope {needed}", scope=needed)
    return authorised


CallingActor = Annotated[Actor, Depends(actor)]


def require(*types: ActorType) -> Callable[[Actor], Awaitable[Actor]]:
    """A dependency that lets only these in: SignInFirst for the anonymous, NotYourRole for others."""

    async def required(who: CallingActor) -> Actor:
        if who.type in types:
            return who
        raise SignInFirst if who.type is ActorType.ANONYMOUS else NotYourRole

    return required


HOUSE = (ActorType.ADMIN, ActorType.STAFF)
SUPPLYING = (*HOUSE, ActorType.SUPPLIER)
ACCOUNTS = (*SUPPLYING, ActorType.CUSTOMER)
# the scopes are what the OpenAPI document says of who may
AdminActor = Annotated[Actor, Security(require(ActorType.ADMIN), scopes=[ActorType.ADMIN])]
HouseActor = Annotated[Actor, Security(require(*HOUSE), scopes=HOUSE)]
SupplyingActor = Annotated[Actor, Security(require(*SUPPLYING), scopes=SUPPLYING)]
AccountActor = Annotated[Actor, Security(require(*ACCOUNTS), scopes=ACCOUNTS)]


async def session(wired: WiringDep, who: CallingActor) -> AsyncIterator[AsyncSession]:
    """A session that the database takes for the caller's; nothing is left to do on it after the answer."""
    async with wired.session(who) as db:
        yield db


Session = Annotated[AsyncSession, Depends(session)]


async def now(wired: WiringDep) -> datetime:
    return wired.clock.now()


async def system_session(wired: WiringDep) -> AsyncIterator[AsyncSession]:
    """A session of the system itself, for what must look beyond the caller's own rows: the route judges them."""
    async with wired.sessions() as db:
        yield db


SystemSession = Annotated[AsyncSession, Depends(system_session)]


async def identity(wired: WiringDep, db: SystemSession) -> IdentityService:
    return wired.identity(db)


async def accounts(wired: WiringDep, db: Session) -> AccountService:
    """As far as the caller's own rights in the database go."""
    return wired.accounts(db)


async def api_keys(wired: WiringDep, db: Session) -> ApiKeyService:
    return wired.api_keys(db)


async def all_accounts(wired: WiringDep, db: SystemSession) -> AccountService:
    """For bans and roles: they end sessions, which are nobody's but the system's."""
    return wired.accounts(db)


async def inventory(wired: WiringDep, db: Session) -> InventoryService:
    return wired.inventory(db)


async def pricing(wired: WiringDep, db: Session) -> PricingService:
    return wired.pricing(db)


async def booking(wired: WiringDep, db: Session) -> BookingService:
    return wired.booking(db)


async def webhook(wired: WiringDep, db: Session) -> WebhookService:
    return wired.webhook(db)


async def payment(wired: WiringDep, db: SystemSession) -> PaymentService:
    """Only the system changes payments; whose they are, the facade asks of the booking."""
    return wired.payment(db)


async def payment_jobs(wired: WiringDep, db: SystemSession) -> PaymentWork:
    return wired.payment_work(db)


async def ledger(wired: WiringDep, db: SystemSession) -> LedgerService:
    return wired.ledger(db)


@dataclass(frozen=True)
class Telling:
    """`Wiring.nudge` without the connection that the request has used until then, as it takes one of its own."""

    wired: Wiring
    db: AsyncSession

    async def __call__(self, *aggregate_ids: UUID) -> None:
        await give_back(self.db)
        await self.wired.nudge(*aggregate_ids)


async def telling(wired: WiringDep, db: SystemSession) -> Telling:
    return Telling(wired, db)


async def page(
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1, limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 50
) -> PageRequest:
    return PageRequest(page=page, limit=limit)


async def expected_version(if_match: Annotated[str | None, Header(examples=['"3"'])] = None) -> int | None:
    """The version in `If-Match: "3"` (RFC 9110 section 13.1.1), the strong tag that reads answer with."""
    if if_match is None:
        return None
    tag = STRONG_TAG.match(if_match)
    if tag is None:
        raise InvalidRequest('If-Match takes one strong tag such as "3"', pointer="/if-match")
    return int(tag[1])


Now = Annotated[datetime, Depends(now)]
Identity = Annotated[IdentityService, Depends(identity)]
Accounts = Annotated[AccountService, Depends(accounts)]
ApiKeys = Annotated[ApiKeyService, Depends(api_keys)]
AllAccounts = Annotated[AccountService, Depends(all_accounts)]
Inventory = Annotated[InventoryService, Depends(inventory)]
Pricing = Annotated[PricingService, Depends(pricing)]
Booking = Annotated[BookingService, Depends(booking)]
Webhooks = Annotated[WebhookService, Depends(webhook)]
Payment = Annotated[PaymentService, Depends(payment)]
PaymentJobs = Annotated[PaymentWork, Depends(payment_jobs)]
Nudge = Annotated[Telling, Depends(telling)]
Ledger = Annotated[LedgerService, Depends(ledger)]
Paging = Annotated[PageRequest, Depends(page)]
IfMatch = Annotated[int | None, Depends(expected_version)]


@dataclass(frozen=True)
class Conditions:
    """What a request's headers say that its body may say too."""

    expected_version: int | None
    idempotency_key: str | None


async def conditions(if_match: IfMatch, idempotency_key: Annotated[Key | None, Header()] = None) -> Conditions:
    return Conditions(if_match, idempotency_key)


Headers = Annotated[Conditions, Depends(conditions)]
Body = TypeVar("Body", bound=BaseModel)


def stated(body: Body, headers: Conditions) -> Body:
    """The body with what the headers say filled in; refused where both say something, and not the same."""
    filled: dict[str, object] = {}
    for field, said in asdict(headers).items():
        if said is None or field not in type(body).model_fields:
            continue
        if getattr(body, field) not in (None, said):
            raise InvalidRequest(f"the header and {field} say different things", pointer=f"/{field}")
        filled[field] = said
    return body.model_copy(update=filled)
