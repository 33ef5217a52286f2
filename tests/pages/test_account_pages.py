"""The pages that mailed links lead to, as a browser without scripts and a mail scanner meet them."""

import base64
import hashlib
import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from urllib.parse import urlsplit

import httpx
import pytest
from structlog.testing import capture_logs

from holdfast.contracts.identity import Role
from holdfast.main import create_app
from holdfast.wiring import Wiring
from holdfast.worker import Worker
from tests.accounts import account
from tests.clock import SettableClock
from tests.people import EMAIL, OTHER_PASSWORD, PASSWORD

PAGES = (
    "/register",
    "/verify-email",
    "/login",
    "/forgot-password",
    "/reset-password?token=x",
    "/verify-email?token=x",
)
ANN = {"full_name": "Ann", "email": EMAIL, "phone": "", "password": PASSWORD}


async def mailed_link(wired: Wiring) -> str:
    """Path and query of the link in the newest message."""
    await Worker(wired).run_once()
    found = re.search(r"http\S+token=\S+", wired.mail_folder.newest(1)[0].body("plain"))
    assert found is not None
    assert found[0].startswith(wired.settings.accounts.public_url)
    return found[0].removeprefix(wired.settings.accounts.public_url)


def hidden(page: httpx.Response) -> dict[str, str]:
    pairs = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text)
    return {name: unescape(value) for name, value in pairs}


def words(page: httpx.Response) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<style>.*?</style>|<[^>]*>", " ", page.text, flags=re.DOTALL)))


async def submit(browser: httpx.AsyncClient, path: str, **fields: str) -> httpx.Response:
    """Open the page and send its form, as the button does."""
    page = await browser.get(path)
    assert page.status_code == 200
    action = re.search(r'<form method="post" action="([\w-]+)">', page.text)
    assert action is not None
    return await browser.post(f"/{action[1]}", data={**hidden(page), **fields})


async def test_from_registering_to_the_own_account(wired: Wiring, browser: httpx.AsyncClient) -> None:
    assert "We have sent you a message" in words(await submit(browser, "/register", **ANN))
    link = await mailed_link(wired)
    for _ in range(3):  # a scanner, another, and the reader: looking spends nothing
        assert (await browser.get(link)).status_code == 200
    unproven = await submit(browser, "/login", email=EMAIL, password=PASSWORD)
    assert unproven.status_code == 403
    assert (await browser.get("/account")).headers["location"] == "login"

    assert "Your address is confirmed" in words(await submit(browser, link))
    again = await submit(browser, link)
    assert (again.status_code, "has been used" in words(again)) == (410, True)

    entered = await submit(browser, "/login", email=EMAIL, password=PASSWORD)
    assert (entered.status_code, entered.headers["location"]) == (303, "account")
    mine = await browser.get("/account")
    assert [part in words(mine) for part in ("Ann", EMAIL, "customer")] == [True] * 3
    access, refresh = browser.cookies["holdfast_access"], browser.cookies["holdfast_refresh"]

    assert (await submit(browser, "/account")).headers["location"] == "login"
    assert (await browser.get("/account")).status_code == 303
    # signing out ended the session itself, and took more than the cookies
    for path, token in (("account", f"holdfast_access={access}"), ("account", f"holdfast_access={refresh}")):
        assert (await browser.get(path, headers={"Cookie": token})).headers["location"] == "login"


async def test_a_code_works_as_well_as_the_link(wired: Wiring, browser: httpx.AsyncClient) -> None:
    await submit(browser, "/register", **ANN)
    await Worker(wired).run_once()
    assert (await submit(browser, "/verify-email", email=EMAIL, otp="000000")).status_code == 422
    page = await browser.get("/verify-email")
    sent = await browser.post("/resend-code", data={**hidden(page), "email": EMAIL, "otp": ""})
    assert "a new message is on its way" in words(sent)
    await Worker(wired).run_once()
    code = re.search(r"\b\d{6}\b", wired.mail_folder.newest(1)[0].body("plain"))
    assert code is not None
    assert "Your address is confirmed" in words(await submit(browser, "/verify-email", email=EMAIL, otp=code[0]))


async def test_a_forgotten_password_is_replaced(wired: Wiring, browser: httpx.AsyncClient) -> None:
    await account(wired, Role.CUSTOMER)
    known = await submit(browser, "/forgot-password", email=EMAIL)
    unknown = await submit(browser, "/forgot-password", email="nobody@example.org")
    assert (known.status_code, words(known)) == (unknown.status_code, words(unknown))
    link = await mailed_link(wired)
    weak = await submit(browser, link, password="password1234")
    assert (weak.status_code, "upper-case" in words(weak)) == (422, True)
    assert hidden(weak)["token"] == link.partition("=")[2], "the link is still good, and still there"
    assert "Your password is changed" in words(await submit(browser, link, password=OTHER_PASSWORD))
    assert (await submit(browser, link, password=OTHER_PASSWORD)).status_code == 410
    assert (await submit(browser, "/login", email=EMAIL, password=PASSWORD)).status_code == 401
    assert (await submit(browser, "/login", email=EMAIL, password=OTHER_PASSWORD)).status_code == 303


async def test_a_known_address_registers_to_the_same_page(wired: Wiring, browser: httpx.AsyncClient) -> None:
    await account(wired, Role.CUSTOMER)
    known = await submit(browser, "/register", **ANN)
    unknown = await submit(browser, "/register", **{**ANN, "email": "new@example.org"})
    assert unknown.text.replace("new@example.org", EMAIL) == known.text


async def test_the_link_leads_to_us_whatever_host_was_asked(wired: Wiring, browser: httpx.AsyncClient) -> None:
    await account(wired, Role.CUSTOMER)
    page = await browser.get("/forgot-password")
    claimed = {"Host": "elsewhere.example", "X-Forwarded-Host": "elsewhere.example"}
    answer = await browser.post("/forgot-password", data={**hidden(page), "email": EMAIL}, headers=claimed)
    assert answer.status_code == 200
    assert (await mailed_link(wired)).startswith("/reset-password?token=")  # after our own public URL


async def test_old_and_made_up_links_say_what_to_do(
    wired: Wiring, clock: SettableClock, browser: httpx.AsyncClient
) -> None:
    await submit(browser, "/register", **ANN)
    link = await mailed_link(wired)
    clock.advance(timedelta(hours=24, seconds=1))
    expired = await submit(browser, link)
    assert (expired.status_code, "Enter your address to have a new message" in words(expired)) == (410, True)
    for made_up in ("", "x", "%00", "<script>", "x" * 5000):
        answer = await submit(browser, "/verify-email", token=made_up, email="", otp="")
        assert answer.status_code == 422, made_up
        assert "<script" not in answer.text


@pytest.mark.parametrize("path", PAGES)
async def test_pages_run_nothing_load_nothing_and_are_kept_nowhere(browser: httpx.AsyncClient, path: str) -> None:
    page = await browser.get(path)
    head = page.headers
    style = re.search("<style>(.*?)</style>", page.text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert head["content-security-policy"] == (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    )
    assert (head["referrer-policy"], head["cache-control"]) == ("no-referrer", "no-store")
    assert not re.search(r"<script|<img|<link|javascript:|style=|\son\w+=", page.text)
    for target in re.findall(r'(?:href|action|src)="([^"]*)"', page.text):
        assert urlsplit(target).netloc == "", "wherever a caller says that it is"
        assert "/" not in target, "and behind any path"
    labels = re.findall(r'<label for="(\w+)"', page.text)
    assert labels == re.findall(r'<input id="(\w+)"', page.text), "every input has its label"
    cookie = head["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


async def test_forms_of_other_sites_are_refused(wired: Wiring, browser: httpx.AsyncClient) -> None:
    await account(wired, Role.CUSTOMER)
    page = await browser.get("/login")
    good = {**hidden(page), "email": EMAIL, "password": PASSWORD}
    for data, headers in (
        ({**good, "form_token": ""}, {}),
        ({**good, "form_token": "another"}, {}),
        (good, {"Cookie": ""}),
        (good, {"Cookie": "holdfast_form_token="}),
        ({**good, "form_token": ""}, {"Cookie": "holdfast_form_token="}),
        (good, {"Sec-Fetch-Site": "cross-site"}),
        (good, {"Sec-Fetch-Site": "same-site"}),
    ):
        answer = await browser.post("/login", data=data, headers=headers)
        assert answer.status_code == 403, (data, headers)
        assert "holdfast_access" not in browser.cookies
    here, there = hidden(await browser.get("/login")), hidden(await browser.get("/register"))
    assert here == there, "two tabs share it"
    assert (await browser.post("/login", data={**good, **here})).status_code == 303


@pytest.mark.parametrize("cookie", ["", "x", '"hf_\\000_x"', '"\\000"', "hf_x_y", "bk_x", "\xff"])
async def test_a_session_that_is_none_leads_to_signing_in(browser: httpx.AsyncClient, cookie: str) -> None:
    header = [(b"cookie", b"holdfast_access=" + cookie.encode("latin-1"))]
    answer = await browser.get("/account", headers=header)
    assert (answer.status_code, answer.headers["location"]) == (303, "login")


async def test_the_api_takes_no_cookie_for_anybody(wired: Wiring, browser: httpx.AsyncClient) -> None:
    await account(wired, Role.ADMIN)
    await submit(browser, "/login", email=EMAIL, password=PASSWORD)
    assert "holdfast_access" in browser.cookies
    assert (await browser.get("/api/v1/users/me")).status_code == 401


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"email=%ff&password=x", "application/x-www-form-urlencoded", 422),
        (b"\xff", "application/x-www-form-urlencoded", 422),
        (b"email=a&email=b", "application/x-www-form-urlencoded", 422),
        (b"&".join(b"a%d=1" % number for number in range(50)), "application/x-www-form-urlencoded", 422),
        (b"{}", "application/json", 415),
        (b"", "", 415),
        (b"email=%00", "application/x-www-form-urlencoded", 403),
    ],
)
async def test_what_is_no_form_is_told_so(browser: httpx.AsyncClient, body: bytes, kind: str, status: int) -> None:
    answer = await browser.post("/login", content=body, headers={"Content-Type": kind})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")


async def test_what_was_typed_is_shown_again_as_text_but_no_password(browser: httpx.AsyncClient) -> None:
    name = '"><script>alert(1)</script>'
    wrong = await submit(browser, "/register", **{**ANN, "full_name": name, "email": "no address"})
    assert wrong.status_code == 422
    assert "&lt;script&gt;alert(1)" in wrong.text
    assert "<script" not in wrong.text
    assert PASSWORD not in wrong.text
    assert 'aria-invalid="true" aria-describedby="email-wrong "' in wrong.text


async def test_no_token_is_in_the_logs(wired: Wiring, browser: httpx.AsyncClient) -> None:
    with capture_logs() as lines:
        await submit(browser, "/verify-email?token=s3cret.token", token="s3cret.token")
        await submit(browser, "/reset-password?token=s3cret.token", token="s3cret.token", password=PASSWORD)
    assert len(lines) >= 4
    assert "s3cret" not in str(lines)
    assert PASSWORD not in str(lines)


async def test_too_many_tries_are_told_on_a_page(wired: Wiring, browser: httpx.AsyncClient) -> None:
    for _ in range(40):
        await browser.post("/login")
    answer = await browser.post("/login")
    assert (answer.status_code, "retry-after" in answer.headers) == (429, True)
    assert "Too many requests" in words(answer)
    assert (await browser.get("/login")).status_code == 200, "looking is no try"


async def test_behind_https_cookies_are_bound_to_this_host(wired: Wiring) -> None:
    accounts = wired.settings.accounts.model_copy(update={"public_url": "https://holdfast.example"})
    app = create_app(replace(wired, settings=wired.settings.model_copy(update={"accounts": accounts})))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://inside") as client:
        cookie = (await client.get("/login")).headers["set-cookie"]
    assert cookie.startswith("__Host-form_token=")
    assert {"Secure", "Path=/", "HttpOnly"} <= {part.strip() for part in cookie.split(";")}
    assert "domain" not in cookie.lower()
