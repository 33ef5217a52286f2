"""Is it alive, can it serve, and how is it doing."""

from enum import StrEnum

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from holdfast.api import problems
from holdfast.api.dependencies import Session, WiringDep
from holdfast.kernel.errors import DatabaseUnreachable

# who asks whether we are ready waits only so long
PEER_SECONDS = 1.0

router = APIRouter(tags=["operation"])


class Health(BaseModel):
    status: str = "ok"


class Component(StrEnum):
    OK = "ok"
    DEGRADED = "degraded"


class Readiness(Health):
    """It serves while a component is degraded: rate limits are then counted by each process alone, and what needs
    a service that is away is refused with 503 while the rest is answered."""

    components: dict[str, Component]


@router.get("/healthz")
async def alive() -> Health:
    """The process answers; nothing else is looked at."""
    return Health()


@router.get("/readyz", responses=problems.documents(DatabaseUnreachable))
async def ready(db: Session, wired: WiringDep) -> Readiness:
    """The database answers too; and how what it could do without is doing."""
    try:
        await db.execute(text("SELECT 1"))
    except (SQLAlchemyError, OSError) as error:
        raise DatabaseUnreachable(retry_after=5) from error
    limits = Component(await wired.quotas.state())
    missing = await wired.peers.missing(within=PEER_SECONDS)
    others = {name: Component.DEGRADED if away else Component.OK for name, away in missing.items()}
    return Readiness(components={"database": Component.OK, "rate_limits": limits, **others})


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics() -> Response:
    """Prometheus exposition of this process."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
