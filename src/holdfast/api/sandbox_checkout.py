"""The sandbox's hosted page, where a guest pays with a test card: `/sandbox/checkout/{ref}`. No scripts.

GET    open: the cards      code: the second step      processing: waits, and looks again by itself
       succeeded: goes back to the merchant by itself  failed, cancelled: says so, and leads back
POST   card=… | code=… | leave=1, then back to the merchant, or to the page while there is more to do
"""

import base64
import re
from functools import cache
from hashlib import sha256
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from holdfast.api.dependencies import Now, SystemSession, WiringDep
from holdfast.contracts.sandbox import CheckoutStage, CheckoutView, TestCard
from holdfast.domains.sandbox.exceptions import CheckoutNotFound, UnknownTestCard
from holdfast.domains.sandbox.services import SandboxService

REF = re.compile(r"sbx_[0-9a-f]{32}")
ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+")
MAX_FIELDS = 10
QUIET = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
BACK_AT_ONCE = frozenset({CheckoutStage.SUCCEEDED, CheckoutStage.CANCELLED})

# number, name, what it does
CARDS = {
    TestCard.OK: ("0000 0000 0000 0101", "Succeeds", "Paid at once."),
    TestCard.SECOND_STEP: ("0000 0000 0000 0202", "Asks for a code", "Its bank wants a second step first."),
    TestCard.PENDING: ("0000 0000 0000 0303", "Stays pending", "Settles by itself after a few seconds."),
    TestCard.DECLINED: ("0000 0000 0000 0404", "Is declined", "Nothing is paid."),
}

pages = ImmutableSandboxedEnvironment(
    loader=PackageLoader("holdfast.api", "pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


async def sandbox(wired: WiringDep, db: SystemSession) -> SandboxService:
    """In a session of the system: whoever has the page's address may pay."""
    return wired.sandbox(db)


Sandbox = Annotated[SandboxService, Depends(sandbox)]
Ref = Annotated[str, Path()]

router = APIRouter(prefix="/sandbox/checkout", include_in_schema=False)


@router.get("/{ref}")
async def show_checkout(ref: Ref, sandbox: Sandbox, wired: WiringDep, now: Now) -> Response:
    """Where this payment stands."""
    if not REF.fullmatch(ref):
        return not_there(wired.settings.mail.brand)
    try:
        checkout = await sandbox.read(ref, now=now)
    except CheckoutNotFound:
        return not_there(wired.settings.mail.brand)
    return page(checkout, brand=wired.settings.mail.brand)


@router.post("/{ref}")
async def pay_checkout(ref: Ref, request: Request, sandbox: Sandbox, wired: WiringDep, now: Now) -> Response:
    """Pay with a card, enter its code, or leave."""
    brand = wired.settings.mail.brand
    if not REF.fullmatch(ref):
        return not_there(brand)
    form = fields(await request.body())
    try:
        if "leave" in form:
            checkout = await sandbox.cancel(ref, now=now)
        elif "code" in form:
            checkout = await sandbox.enter_code(ref, form["code"], now=now)
        else:
            checkout = await sandbox.pay(ref, form.get("card", ""), now=now)
    except CheckoutNotFound:
        return not_there(brand)
    except UnknownTestCard:
        return page(await sandbox.read(ref, now=now), brand=brand, error="Choose one of the cards.", status=422)
    if checkout.stage is CheckoutStage.CODE and "code" in form:
        return page(checkout, brand=brand, error="That is not the code.", status=422)
    onward = checkout.return_url if checkout.stage in BACK_AT_ONCE else str(request.url.path)
    return RedirectResponse(onward, status_code=303, headers=QUIET)


def fields(body: bytes) -> dict[str, str]:
    """The form's fields, the last of each name; none where it is no form."""
    try:
        read = parse_qs(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        return {}
    return {name: values[-1] for name, values in read.items()}


def page(checkout: CheckoutView, *, brand: str, error: str | None = None, status: int = 200) -> HTMLResponse:
    values = {"checkout": checkout, "stage": checkout.stage, "error": error, "cards": CARDS}
    return rendered("sandbox_checkout.html", values, brand=brand, leads_to=checkout.return_url, status=status)


def not_there(brand: str) -> HTMLResponse:
    values: dict[str, object] = {"stage": None, "error": None}
    return rendered("sandbox_checkout.html", values, brand=brand, status=404)


def rendered(
    name: str, values: dict[str, object], *, brand: str, leads_to: str = "", status: int = 200
) -> HTMLResponse:
    css, digest = style()
    content = pages.get_template(name).render({**values, "brand": brand, "css": Markup(css)})
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'{origin_of(leads_to)};"
        " frame-ancestors 'none'; base-uri 'none'"
    )
    return HTMLResponse(content, status, headers={**QUIET, "Content-Security-Policy": policy})


def origin_of(url: str) -> str:
    """The merchant's, as a source in a policy: browsers hold the redirect after a form against it too."""
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    return f" {origin}" if ORIGIN.fullmatch(origin) else ""


@cache
def style() -> tuple[str, str]:
    """The style sheet, and its digest as a policy names it."""
    css = pages.get_template("sandbox_checkout.css").render()
    return css, base64.b64encode(sha256(css.encode()).digest()).decode()
