"""Pages for people whose application has none of its own: where the links of our messages lead.

A link's page shows a button and spends nothing: whoever looks at a message before its reader does (mail scanners
fetch every link) must not use it up. The button's form does what the API's route of that name does.

Signing in here leaves two cookies for fifteen minutes, which these pages alone read: no route of the API takes a
cookie for anybody.
"""

from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.routing import APIRoute
from sqlalchemy.exc import SQLAlchemyError

from holdfast.api import forms, screens
from holdfast.api.dependencies import Identity, Now, WiringDep
from holdfast.api.screens import Filled, Screen, shown, told, waiting
from holdfast.contracts.identity import (
    Credentials,
    EmailOnly,
    EmailVerification,
    OtpCheck,
    PasswordReset,
    RefreshRequest,
    Registration,
    TokensView,
    UserView,
)
from holdfast.domains.identity.exceptions import AddressNotVerified, LinkExpired, LinkInvalid, LinkSpent
from holdfast.kernel.database import translated
from holdfast.kernel.errors import Refusal, Unauthorized
from holdfast.settings import Settings
from holdfast.wiring import Wiring

ACCESS, REFRESH = "access", "refresh"
LINKS = (LinkInvalid, LinkExpired, LinkSpent)


def settings_of(request: Request) -> Settings:
    wired: Wiring = request.app.state.wiring
    return wired.settings


def is_secure(request: Request) -> bool:
    """Whether people reach us by https."""
    return settings_of(request).accounts.public_url.startswith("https://")


class PageRoute(APIRoute):
    """Answers refusals with a page: who asks is looking at it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handler(request)
            except Refusal as refusal:
                return told(refusal, brand=settings_of(request).mail.brand)
            except (SQLAlchemyError, OSError) as error:
                lost = translated(error, {})
                if isinstance(lost, Refusal):
                    return told(lost, brand=settings_of(request).mail.brand)
                raise

        return handled


router = APIRouter(include_in_schema=False, route_class=PageRoute)


def page(
    request: Request, screen: Screen, filled: Filled = screens.BLANK, *, status: int = HTTPStatus.OK
) -> HTMLResponse:
    """The screen, with the form's token in it and in its cookie."""
    secure = is_secure(request)
    token = forms.form_token(request, secure=secure)
    answer = shown(screen, filled, brand=settings_of(request).mail.brand, form_token=token, status=status)
    if screen.button:
        forms.remember(answer, forms.TOKEN, token, secure=secure)
    return answer


def elsewhere(name: str) -> RedirectResponse:
    """To another page, to be got."""
    return RedirectResponse(name, int(HTTPStatus.SEE_OTHER), headers=screens.HEADERS)


async def handled(
    request: Request, screen: Screen, act: Callable[[dict[str, str]], Awaitable[Response]], *, hides: str = ""
) -> Response:
    """What `act` makes of the form; where it is refused, the same screen again with what is wrong.

    `hides` names a field that the screen repeats without showing it.
    """
    typed: dict[str, str] = {}
    hidden: dict[str, str] = {}
    try:
        fields = await forms.sent(request, secure=is_secure(request))
        hidden = {name: value for name, value in fields.items() if name == hides}
        typed = {each.name: fields.get(each.name, "") for each in screen.fields if each.type != "password"}
        return await act(fields)
    except forms.FieldsWrong as error:
        shown_here = {each.name for each in screen.fields}
        notice = " ".join(text for name, text in error.wrong.items() if name not in shown_here)
        filled = Filled(notice=notice, tone="bad", typed=typed, wrong=error.wrong, hidden=hidden)
        return page(request, screen, filled, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    except Refusal as refusal:
        name = (refusal.pointer or "").removeprefix("/")
        is_fields = any(each.name == name for each in screen.fields)
        said = screens.sentence(refusal)
        filled = Filled(
            notice="" if is_fields else said,
            tone="bad",
            typed={**typed, "otp": ""},
            wrong={name: said} if is_fields else {},
            hidden=hidden,
        )
        return waiting(page(request, screen, filled, status=refusal.status), refusal)


@router.get("/register")
async def register_page(request: Request) -> Response:
    return page(request, screens.REGISTER)


@router.post("/register")
async def register_by_form(request: Request, identity: Identity, now: Now) -> Response:
    async def act(fields: dict[str, str]) -> Response:
        registration = forms.read(Registration, fields)
        await identity.register(registration, now=now)
        return page(request, screens.ENTER_CODE, Filled(typed={"email": registration.email}))

    return await handled(request, screens.REGISTER, act)


@router.get("/verify-email")
async def verify_page(request: Request) -> Response:
    """Looks at no token, and spends none."""
    token = request.query_params.get("token")
    if token is None:
        return page(request, screens.ENTER_CODE)
    return page(request, screens.FOLLOWED_LINK, Filled(hidden={"token": token}))


@router.post("/verify-email")
async def verify_by_form(request: Request, identity: Identity, now: Now) -> Response:
    async def act(fields: dict[str, str]) -> Response:
        if "token" in fields:
            try:
                await identity.verify_email(forms.read(EmailVerification, fields), now=now)
            except LINKS as refusal:
                said = f"{screens.sentence(refusal)} Enter your address to have a new message."
                return page(request, screens.ENTER_CODE, Filled(said, "bad"), status=refusal.status)
        else:
            await identity.verify_otp(forms.read(OtpCheck, fields), now=now)
        return page(request, screens.CONFIRMED)

    return await handled(request, screens.ENTER_CODE, act)


@router.post("/resend-code")
async def resend_by_form(request: Request, identity: Identity, now: Now) -> Response:
    async def act(fields: dict[str, str]) -> Response:
        asked = forms.read(EmailOnly, fields)
        await identity.resend_otp(asked, now=now)
        said = "If this address is still to be confirmed, a new message is on its way. The old code is void."
        return page(request, screens.ENTER_CODE, Filled(said, "good", typed={"email": asked.email}))

    return await handled(request, screens.ENTER_CODE, act)


@router.get("/login")
async def login_page(request: Request) -> Response:
    return page(request, screens.LOGIN)


@router.post("/login")
async def login_by_form(request: Request, identity: Identity, now: Now) -> Response:
    async def act(fields: dict[str, str]) -> Response:
        offered = forms.read(Credentials, fields)
        try:
            tokens = await identity.login(offered, now=now)
        except AddressNotVerified as refusal:
            filled = Filled(screens.sentence(refusal), "bad", typed={"email": offered.email})
            return page(request, screens.ENTER_CODE, filled, status=refusal.status)
        return signed_in(request, tokens)

    return await handled(request, screens.LOGIN, act)


def signed_in(request: Request, tokens: TokensView) -> Response:
    answer = elsewhere("account")
    for name, token in ((ACCESS, tokens.access_token), (REFRESH, tokens.refresh_token)):
        forms.remember(answer, name, token, secure=is_secure(request), seconds=tokens.expires_in)
    return answer


@router.get("/account")
async def account_page(request: Request, wired: WiringDep) -> Response:
    """One's own account; to sign in where there is no session."""
    token = request.cookies.get(forms.cookie_name(ACCESS, secure=is_secure(request)), "")
    try:
        user = await own_account(wired, token)
    except Unauthorized:
        return elsewhere("login")
    facts = {"Name": user.full_name, "E-mail address": user.email, "Roles": ", ".join(user.roles)}
    return page(request, screens.ACCOUNT, Filled(facts=facts))


async def own_account(wired: Wiring, token: str) -> UserView:
    """Whose session this is: Unauthorized."""
    actor = await wired.authenticate(token)
    if actor.id is None or actor.scopes is not None:
        raise Unauthorized
    async with wired.session(actor) as db:
        return await wired.accounts(db).get(actor.id)


@router.post("/logout")
async def logout_by_form(request: Request, identity: Identity, now: Now) -> Response:
    async def act(fields: dict[str, str]) -> Response:
        token = request.cookies.get(forms.cookie_name(REFRESH, secure=is_secure(request)), "")
        with suppress(forms.FieldsWrong):  # the cookie has gone: the session ends by itself
            await identity.logout(forms.read(RefreshRequest, {"refresh_token": token}), now=now)
        answer = elsewhere("login")
        for name in (ACCESS, REFRESH):
            forms.forget(answer, name, secure=is_secure(request))
        return answer

    return await handled(request, screens.ACCOUNT, act)


@router.get("/forgot-password")
async def forgot_page(request: Request) -> Response:
    return page(request, screens.FORGOT)


@router.post("/forgot-password")
async def forgot_by_form(request: Request, identity: Identity, now: Now) -> Response:
    async def act(fields: dict[str, str]) -> Response:
        await identity.forgot_password(forms.read(EmailOnly, fields), now=now)
        return page(request, screens.LINK_SENT)

    return await handled(request, screens.FORGOT, act)


@router.get("/reset-password")
async def reset_page(request: Request) -> Response:
    """Looks at no token, and spends none; without one there is nothing to set."""
    token = request.query_params.get("token")
    if token is None:
        return page(request, screens.FORGOT)
    return page(request, screens.RESET, Filled(hidden={"token": token}))


@router.post("/reset-password")
async def reset_by_form(request: Request, identity: Identity, now: Now) -> Response:
    async def act(fields: dict[str, str]) -> Response:
        try:
            await identity.reset_password(forms.read(PasswordReset, fields), now=now)
        except LINKS as refusal:
            said = f"{screens.sentence(refusal)} Have another one sent."
            return page(request, screens.FORGOT, Filled(said, "bad"), status=refusal.status)
        return page(request, screens.CHANGED)

    return await handled(request, screens.RESET, act, hides="token")
