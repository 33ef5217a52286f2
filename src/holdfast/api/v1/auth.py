"""Signing up, signing in, and proving an address. Nothing here tells whether an address has an account."""

from fastapi import APIRouter, status

from holdfast.api.dependencies import Identity, Now
from holdfast.api.problems import documents
from holdfast.contracts.identity import (
    Accepted,
    Credentials,
    EmailOnly,
    EmailVerification,
    EmailVerifiedView,
    OtpCheck,
    PasswordReset,
    RefreshRequest,
    Registration,
    TokensView,
    UserView,
)
from holdfast.domains.identity import exceptions as refusals

router = APIRouter(prefix="/api/v1/auth", tags=["auth"])

LINK_REFUSALS = (refusals.LinkInvalid, refusals.LinkExpired, refusals.LinkSpent)


@router.post("/register", status_code=status.HTTP_201_CREATED, responses=documents(refusals.PasswordWeak))
async def register(registration: Registration, identity: Identity, now: Now) -> UserView:
    """Open an account and mail a code and a link to its address. A known address gets the same answer, and a mail
    that says so."""
    return await identity.register(registration, now=now)


@router.post("/verify-otp", responses=documents(refusals.OtpWrong, refusals.TooManyTries))
async def verify_otp(check: OtpCheck, identity: Identity, now: Now) -> EmailVerifiedView:
    """Prove the address with the mailed code: ten minutes, five tries."""
    return await identity.verify_otp(check, now=now)


@router.post("/resend-otp", status_code=status.HTTP_202_ACCEPTED, responses=documents(refusals.TooManyCodes))
async def resend_otp(asked: EmailOnly, identity: Identity, now: Now) -> Accepted:
    """Mail a new code, if the address is still to be proven; the old one is void."""
    return await identity.resend_otp(asked, now=now)


@router.post("/verify-email", responses=documents(*LINK_REFUSALS))
async def verify_email(proof: EmailVerification, identity: Identity, now: Now) -> EmailVerifiedView:
    """Prove the address with the token of the mailed link, once."""
    return await identity.verify_email(proof, now=now)


@router.post(
    "/login",
    responses=documents(
        refusals.CredentialsWrong, refusals.AddressNotVerified, refusals.AccountBanned, refusals.TooManyTries
    ),
)
async def login(offered: Credentials, identity: Identity, now: Now) -> TokensView:
    """An access token for fifteen minutes, and a refresh token for the next."""
    return await identity.login(offered, now=now)


@router.post("/refresh", responses=documents(refusals.RefreshTokenInvalid, refusals.RefreshTokenReused))
async def refresh(asked: RefreshRequest, identity: Identity, now: Now) -> TokensView:
    """New tokens for a refresh token, once: one that comes again ends its session, even at the same moment."""
    return await identity.refresh(asked, now=now)


@router.post("/logout", status_code=status.HTTP_204_NO_CONTENT, responses=documents())
async def logout(asked: RefreshRequest, identity: Identity, now: Now) -> None:
    """End the session of this refresh token; its access tokens are void at once."""
    await identity.logout(asked, now=now)


@router.post("/forgot-password", status_code=status.HTTP_202_ACCEPTED, responses=documents())
async def forgot_password(asked: EmailOnly, identity: Identity, now: Now) -> Accepted:
    """Mail a link to set a new password, if there is such an account."""
    return await identity.forgot_password(asked, now=now)


@router.post("/reset-password", responses=documents(refusals.PasswordWeak, *LINK_REFUSALS))
async def reset_password(reset: PasswordReset, identity: Identity, now: Now) -> Accepted:
    """Set a new password with the token of the mailed link, once; every session ends."""
    return await identity.reset_password(reset, now=now)
