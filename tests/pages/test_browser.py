"""A person with a real browser: from the mailed link to being signed in. Scripts are switched off."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from playwright.async_api import Page, ViewportSize, async_playwright

from holdfast.main import create_app
from holdfast.wiring import Wiring
from holdfast.worker import Worker
from tests.people import EMAIL, OTHER_PASSWORD, PASSWORD
from tests.redis_server import HOST

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
OPTIONS = ["--no-sandbox", "--disable-background-networking"]
PHONE: ViewportSize = {"width": 360, "height": 740}


@asynccontextmanager
async def served(wired: Wiring) -> AsyncIterator[str]:
    """Its URL, with the application in this process and loop."""
    url = wired.settings.accounts.public_url
    config = uvicorn.Config(create_app(wired), host=HOST, port=int(url.rpartition(":")[2]), log_config=None)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:
        assert not running.done(), "the server has ended"
        await asyncio.sleep(0.02)
    try:
        yield url
    finally:
        server.should_exit = True
        await running


@asynccontextmanager
async def browsing(complaints: list[str]) -> AsyncIterator[Page]:
    """A phone-sized window; what the browser finds wrong (a policy that was broken) is complained of."""
    if not CHROMIUM:
        pytest.skip("Chromium is not installed: no page is tried in a real browser")
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        context = await browser.new_context(viewport=PHONE, java_script_enabled=False)
        context.set_default_timeout(20_000)
        context.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        try:
            yield await context.new_page()
        finally:
            await browser.close()


async def follow_mail(wired: Wiring, page: Page, url: str, subject: str) -> Page:
    """The tab that opens when the link of the message is clicked, in the catcher's own page."""
    await Worker(wired).run_once()
    await page.goto(f"{url}/dev/mail")
    await page.get_by_role("link", name=subject).first.click()
    link = page.frame_locator("iframe").locator("a[href*='token=']").first
    async with page.expect_popup() as opened:
        await link.click()
    tab = await opened.value
    await tab.wait_for_load_state()
    return tab


async def sign_in(page: Page, url: str, password: str) -> None:
    await page.goto(f"{url}/login")
    await page.get_by_label("E-mail address").fill(EMAIL)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Sign in").click()


async def fits(page: Page) -> None:
    """Nothing is wider than the phone, and the page names itself."""
    main = await page.locator("main").bounding_box()
    assert main is not None
    assert main["x"] >= 0
    assert main["x"] + main["width"] <= PHONE["width"]
    assert await page.locator("h1").count() == 1


async def test_the_mailed_link_leads_to_an_account_that_can_sign_in(wired: Wiring) -> None:
    complaints: list[str] = []
    async with served(wired) as url, browsing(complaints) as page:
        await page.goto(f"{url}/register")
        await fits(page)
        for label, text in (("Name", "Ann"), ("E-mail address", EMAIL), ("Password", PASSWORD)):
            await page.get_by_label(label).fill(text)
        await page.get_by_role("button", name="Open the account").click()
        assert await page.locator("h1").inner_text() == "Confirm your address"

        tab = await follow_mail(wired, page, url, "code")
        await fits(tab)
        await tab.get_by_role("button", name="Confirm my address").click()
        assert await tab.locator("h1").inner_text() == "Your address is confirmed"
        await tab.get_by_role("link", name="Sign in").click()
        assert tab.url == f"{url}/login"
        await sign_in(tab, url, PASSWORD)
        assert tab.url == f"{url}/account"
        assert EMAIL in await tab.locator("dl").inner_text()

        await tab.close()

        await page.goto(f"{url}/forgot-password")
        await page.get_by_label("E-mail address").fill(EMAIL)
        await page.get_by_role("button", name="Send the link").click()
        other = await follow_mail(wired, page, url, "password")
        await other.get_by_label("Password").fill(OTHER_PASSWORD)
        await other.get_by_role("button", name="Set the password").click()
        assert await other.locator("h1").inner_text() == "Your password is changed"
        await other.goto(f"{url}/account")
        assert other.url == f"{url}/login", "every session has ended"
        await sign_in(other, url, OTHER_PASSWORD)
        await other.get_by_role("button", name="Sign out").click()
        assert other.url == f"{url}/login"
    assert complaints == []
