"""A guest with a real browser pays for a booking at the sandbox's page. Scripts are switched off."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest
from playwright.async_api import Page
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from holdfast.contracts.payment import IntentId
from holdfast.domains.payment.ports import Order
from holdfast.kernel.money import Money
from holdfast.wiring import Wiring
from holdfast.worker import send_sandbox_webhooks, settle_sandbox
from tests.clock import SettableClock
from tests.house import House, Json, serving
from tests.pages.test_browser import browsing, fits, served
from tests.peers.peer import Peer
from tests.peers.peer import serving as peer_serving


@pytest.fixture
async def house(wired: Wiring) -> AsyncIterator[House]:
    async with serving(wired) as client:
        yield House(client)


async def unpaid(house: House) -> Json:
    """A booking that waits for its money."""
    table = await house.table()
    await house.rate(table)
    booking = await house.booked(table)
    assert (booking["status"], booking["price"]["due_now"]) == ("PENDING", "120.00")
    return booking


async def status(client: httpx.AsyncClient, booking: Json) -> str:
    answer = await client.get(f"/api/v1/bookings/{booking['id']}")
    return str(answer.json()["status"])


async def choose(page: Page, card: str) -> None:
    await fits(page)
    await page.get_by_text(card, exact=True).click()
    await page.get_by_role("button", name="Pay 120.00 EUR").click()


async def test_a_guest_pays_and_the_booking_is_confirmed(
    wired: Wiring, house: House, clock: SettableClock
) -> None:
    complaints: list[str] = []
    paid, late, declined = [await unpaid(house) for _ in range(3)]
    async with served(wired), browsing(complaints) as page:
        await page.goto(paid["payment"]["checkout_url"])
        await choose(page, "Asks for a code")
        await fits(page)
        await page.get_by_label("Code").fill("123456")
        await page.get_by_role("button", name="Confirm").click()
        assert "has been made" in await page.locator("h1").inner_text()
        assert await status(house.client, paid) == "CONFIRMED"

        # nobody comes back from this one: the webhook tells
        await page.goto(late["payment"]["checkout_url"])
        await choose(page, "Stays pending")
        await page.goto("about:blank")
        assert await send_sandbox_webhooks(wired) == 2
        assert await status(house.client, late) == "PENDING"
        clock.advance(timedelta(seconds=2))
        assert await settle_sandbox(wired) == 1
        assert await send_sandbox_webhooks(wired) == 1
        assert await status(house.client, late) == "CONFIRMED"

        await page.goto(declined["payment"]["checkout_url"])
        await choose(page, "Is declined")
        assert await page.locator("h2").inner_text() == "Not paid"
        await fits(page)
        assert await send_sandbox_webhooks(wired) == 1
        assert await status(house.client, declined) == "FAILED"
    assert complaints == []


class Shop(Peer):
    """Another site, where guests are sent back to."""

    def routes(self) -> list[Route]:
        return [Route("/done", self.done)]

    async def done(self, request: Request) -> Response:
        return PlainTextResponse("thank you")


@pytest.mark.parametrize("button", ["Pay 120.00 EUR", "Cancel and go back"])
async def test_the_page_leads_back_to_another_site(wired: Wiring, button: str) -> None:
    complaints: list[str] = []
    shop = Shop(key_header="x-none")
    with peer_serving(shop):
        opened = await wired.providers["sandbox"].open(
            Order(
                intent_id=IntentId(uuid4()),
                amount=Money(12_000, "EUR"),
                reference="HF-7K2M9Q",
                description="Table 1",
                guest_name="Guest",
                guest_email="guest@example.org",
                return_url=f"{shop.url}/done",
            )
        )
        async with served(wired), browsing(complaints) as page:
            await page.goto(str(opened.checkout_url))
            await page.get_by_role("button", name=button).click()
            assert await page.inner_text("body") == "thank you"
    assert [said for said in complaints if "404" not in said] == []
