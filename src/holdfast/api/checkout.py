"""Our own address of a payment, for mails and links: it leads to the provider's page, and back from there.

Whoever has the link may pay; it tells nothing else, and no name is on it.
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from uuid import UUID

import structlog
from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.routing import APIRoute
from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from holdfast.api.dependencies import Now, Nudge, Payment
from holdfast.contracts.payment import IntentId, IntentStatus
from holdfast.domains.payment.exceptions import NoHostedPage
from holdfast.kernel.errors import NotFound, Unavailable

PAGE = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
QUIET = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}

WORDS = {
    IntentStatus.REQUIRES_ACTION: "Nothing has been paid yet.",
    IntentStatus.PROCESSING: "The payment is being made. You will hear from us.",
    IntentStatus.SUCCEEDED: "The payment has been made. Thank you.",
    IntentStatus.PARTIALLY_REFUNDED: "The payment has been made, and part of it was given back.",
    IntentStatus.REFUNDED: "The payment was given back.",
    IntentStatus.FAILED: "The payment was not made.",
    IntentStatus.CANCELLED: "This payment is no longer asked for.",
}
NOT_NOW = "The payment cannot be made at this moment. Please try again in a minute."
NOT_HERE = "There is no payment at this address."

log = structlog.get_logger()

pages = ImmutableSandboxedEnvironment(
    loader=PackageLoader("holdfast.api", "pages"), autoescape=True, undefined=StrictUndefined
)


class ShownRoute(APIRoute):
    """Who comes here has a browser: it gets a page even where others get a problem document."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        handle = super().get_route_handler()

        async def shown(request: Request) -> Response:
            try:
                return await handle(request)
            except Unavailable as refusal:
                log.warning("unavailable", type=refusal.problem_type(), cause=repr(refusal.__cause__))
                return page(NOT_NOW, status=refusal.status, retry_after=refusal.retry_after)
            except (NotFound, RequestValidationError):  # an address is all that they can get wrong
                return page(NOT_HERE, status=HTTPStatus.NOT_FOUND)

        return shown


router = APIRouter(prefix="/pay", include_in_schema=False, route_class=ShownRoute)


@router.get("/{intent_id}")
async def visit_checkout(intent_id: UUID, payments: Payment, now: Now) -> Response:
    """On to the provider's page, opened now where it was not; a small page once there is nothing to pay."""
    try:
        url = await payments.visit_checkout(IntentId(intent_id), now=now)
    except NoHostedPage:
        return page("Please pay in the application that you booked with.")
    if url is None:
        return page("There is nothing to pay here any more.")
    return RedirectResponse(url, HTTPStatus.SEE_OTHER, headers=QUIET)


@router.get("/{intent_id}/return")
async def return_from_checkout(intent_id: UUID, payments: Payment, nudge: Nudge, now: Now) -> HTMLResponse:
    """Back from the provider's page: what came of it."""
    intent = await payments.return_from_checkout(IntentId(intent_id), now=now)
    await nudge(intent.id)
    back = intent.checkout_url if intent.status is IntentStatus.REQUIRES_ACTION else None
    return page(WORDS[intent.status], amount=f"{intent.amount} {intent.currency}", back=back)


def page(
    words: str,
    *,
    amount: str | None = None,
    back: str | None = None,
    status: int = 200,
    retry_after: int | None = None,
) -> HTMLResponse:
    content = pages.get_template("payment.html").render(words=words, amount=amount, back=back)
    headers = {**QUIET, "Content-Security-Policy": PAGE}
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    return HTMLResponse(content, status, headers=headers)
