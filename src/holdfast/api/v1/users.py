"""One's own account."""

from fastapi import APIRouter

from holdfast.api.dependencies import AccountActor, Accounts, Now
from holdfast.api.problems import documents
from holdfast.contracts.identity import Actor, Preferences, ProfileChange, UserId, UserView
from holdfast.domains.identity.exceptions import UserNotFound

router = APIRouter(prefix="/api/v1/users/me", tags=["users"])


def own(actor: Actor) -> UserId:
    """Whose account it is."""
    if actor.id is None:
        raise UserNotFound
    return actor.id


@router.get("", responses=documents(UserNotFound))
async def get_me(actor: AccountActor, accounts: Accounts) -> UserView:
    """Name, address, phone and roles."""
    return await accounts.get(own(actor))


@router.patch("", responses=documents(UserNotFound))
async def change_me(change: ProfileChange, actor: AccountActor, accounts: Accounts, now: Now) -> UserView:
    """Absent fields stay; a phone given as null is removed."""
    return await accounts.change_profile(own(actor), change, now=now)


@router.get("/preferences", responses=documents())
async def get_my_preferences(actor: AccountActor, accounts: Accounts) -> Preferences:
    """The defaults until others are set."""
    return await accounts.preferences(own(actor))


@router.put("/preferences", responses=documents(UserNotFound))
async def set_my_preferences(
    preferences: Preferences, actor: AccountActor, accounts: Accounts, now: Now
) -> Preferences:
    """These replace all earlier ones."""
    return await accounts.set_preferences(own(actor), preferences, now=now)
