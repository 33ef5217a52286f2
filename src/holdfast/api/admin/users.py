"""Accounts, for admins: find, ban, give roles. Every act is on the record."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AfterValidator

from holdfast.api.dependencies import Accounts, AdminActor, AllAccounts, Now, Paging
from holdfast.api.problems import documents
from holdfast.contracts.identity import Ban, Role, RolesChange, UserId, UserView
from holdfast.domains.identity.exceptions import AlreadyBanned, LastAdmin, NotBanned, NotYourself, UserNotFound
from holdfast.kernel.contract import storable
from holdfast.kernel.paging import Page

router = APIRouter(prefix="/api/v1/admin/users", tags=["admin"])

EmailPart = Annotated[str, Query(min_length=1, max_length=254), AfterValidator(storable)]


@router.get("", responses=documents())
async def list_users(
    actor: AdminActor,
    accounts: Accounts,
    page: Paging,
    email: EmailPart | None = None,
    role: Role | None = None,
) -> Page[UserView]:
    """Newest first; `email` is any part of the address."""
    return await accounts.list_users(page, email=email, role=role)


@router.post("/{user_id}/ban", responses=documents(UserNotFound, NotYourself, LastAdmin, AlreadyBanned))
async def ban_user(user_id: UUID, ban: Ban, actor: AdminActor, accounts: AllAccounts, now: Now) -> UserView:
    """Shut the account out; every session and key of it is void at once."""
    return await accounts.ban(UserId(user_id), ban, now=now, actor=actor)


@router.post("/{user_id}/unban", responses=documents(UserNotFound, NotBanned))
async def unban_user(user_id: UUID, actor: AdminActor, accounts: AllAccounts, now: Now) -> UserView:
    """Let the account in again; its old sessions stay ended."""
    return await accounts.unban(UserId(user_id), now=now, actor=actor)


@router.put("/{user_id}/roles", responses=documents(UserNotFound, LastAdmin))
async def set_roles(
    user_id: UUID, change: RolesChange, actor: AdminActor, accounts: AllAccounts, now: Now
) -> UserView:
    """These roles and no others, from the next request on."""
    return await accounts.set_roles(UserId(user_id), change, now=now, actor=actor)
