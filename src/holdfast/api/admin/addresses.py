"""Whether an address could be written to."""

from fastapi import APIRouter

from holdfast.api.dependencies import HouseActor, Session, WiringDep
from holdfast.api.problems import documents
from holdfast.contracts.notification import AddressQuery, AddressView
from holdfast.domains.notification.exceptions import MessagesAreForStaff

router = APIRouter(prefix="/api/v1/admin/email-check", tags=["notification"])


@router.post("", responses=documents(MessagesAreForStaff))
async def check_address(query: AddressQuery, wired: WiringDep, db: Session, actor: HouseActor) -> AddressView:
    """Ask the domain name system whether the address's domain takes mail; nothing is sent to it."""
    return await wired.notification(db).check_address(query.email, wired.mail_domains, actor=actor)
