"""The embedded mode's mail, to be read in a browser on the same machine: `/dev/mail`.

It holds codes and links that open accounts. So it answers only who sits at this machine: a loopback peer, asked
for by a loopback name (a foreign page that made its own name point here is not), and not through a proxy.
"""

import asyncio
from ipaddress import ip_address
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from holdfast.api.dependencies import WiringDep
from holdfast.gateways.mail_catcher import CaughtMail
from holdfast.kernel.errors import NotFound

SHOWN = 200
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
PROXY_HEADERS = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
# links open in a tab of their own; nothing in a message runs, loads or sends anything
POPUPS = "allow-popups allow-popups-to-escape-sandbox"
PAGE = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; frame-ancestors 'none'; base-uri 'none'"
MESSAGE = f"sandbox {POPUPS}; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
QUIET = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}

pages = ImmutableSandboxedEnvironment(
    loader=PackageLoader("holdfast.api", "pages"), autoescape=True, undefined=StrictUndefined
)


class NoSuchMail(NotFound):
    """There is no such message."""


async def here(request: Request) -> None:
    """NotFound for who does not sit at this machine."""
    peer = request.client.host if request.client else ""
    name = (request.url.hostname or "").removeprefix("[").removesuffix("]")
    proxied = any(header in request.headers for header in PROXY_HEADERS)
    if not is_loopback(peer) or name not in LOOPBACK_NAMES or proxied:
        raise NotFound


def is_loopback(peer: str) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


router = APIRouter(prefix="/dev/mail", include_in_schema=False, dependencies=[Depends(here)])


async def caught(mail_id: UUID, wired: WiringDep) -> CaughtMail:
    mail = await asyncio.to_thread(wired.mail_folder.get, mail_id)
    if mail is None:
        raise NoSuchMail
    return mail


Caught = Annotated[CaughtMail, Depends(caught)]


@router.get("")
async def list_mail(wired: WiringDep) -> HTMLResponse:
    """The newest messages."""
    mails = await asyncio.to_thread(wired.mail_folder.newest, SHOWN)
    return page("mails.html", mails=mails, folder=str(wired.mail_folder.folder))


@router.get("/{mail_id}")
async def read_mail(mail: Caught) -> HTMLResponse:
    """One message: headers, HTML, text."""
    return page("mail.html", mail=mail, sandbox=POPUPS)


@router.get("/{mail_id}/html")
async def read_html(mail: Caught) -> HTMLResponse:
    """Its HTML part as it is, in a sandbox wherever it is opened."""
    content = f'<base target="_blank">{mail.body("html")}'
    return HTMLResponse(content, headers={**QUIET, "Content-Security-Policy": MESSAGE})


@router.get("/{mail_id}/raw")
async def read_raw(mail: Caught) -> Response:
    """The file."""
    headers = {**QUIET, "Content-Security-Policy": "default-src 'none'; sandbox"}
    return Response(mail.raw, media_type="text/plain; charset=utf-8", headers=headers)


def page(name: str, **values: object) -> HTMLResponse:
    content = pages.get_template(name).render(values)
    return HTMLResponse(content, headers={**QUIET, "Content-Security-Policy": PAGE})
