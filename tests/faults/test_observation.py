"""One booking's trace through request, events, jobs and mail; and defects, told without what people wrote.

Each time a `holdfast serve` of its own, and real servers that take what it tells.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text

from holdfast.kernel.clock import SystemClock
from holdfast.kernel.database import create_engine
from tests.clock import SettableClock
from tests.collectors import Collector, Told, collecting
from tests.house import House, Json, serving, wiring, wish
from tests.mail_server import MailServer
from tests.server import server

PATIENCE_SECONDS = 120
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = f"00-{TRACE}-00f067aa0ba902b7-01"
DAY_AFTER_TOMORROW = SystemClock().now().replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=2)
GUEST = {"name": "Jane Roe", "email": "jane.roe@example.org", "phone": "+4930123456"}


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture
async def table(database_url: str, clock: SettableClock) -> AsyncIterator[Json]:
    clock.set(SystemClock().now())
    async with serving(wiring(database_url, clock)) as staff:
        yield await House(staff).table()


async def until(holds: Callable[[], bool]) -> None:
    """Wait for it; the test's own limit ends a wait in vain."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < ends, "it did not come"
        await asyncio.sleep(0.05)


def booking_of(table: Json) -> Json:
    return wish(table, start_at=DAY_AFTER_TOMORROW.isoformat(), guest=GUEST)


def ancestors(span: Told, spans: list[Told]) -> list[str]:
    """The names of what it is within, up to the root that is known here."""
    by_id = {each.span_id: each for each in spans}
    names = []
    while span.parent_id in by_id:
        span = by_id[span.parent_id]
        names.append(span.name)
    return names


async def test_a_bookings_trace_goes_from_the_request_by_its_events_to_the_mail(
    database_url: str, table: Json, collector: Collector
) -> None:
    async with MailServer() as post:
        settings = {
            "WORKER_IN_PROCESS": "true",
            "SMTP_URL": post.url(),
            "MAIL_FROM": "bookings@example.org",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        }
        with server(database_url, **settings) as url:
            async with httpx.AsyncClient(base_url=url, timeout=60, headers={"traceparent": CALLER}) as guest:
                answer = await guest.post("/api/v1/bookings", json=booking_of(table))
                assert answer.status_code == 201, answer.text
                refused = await guest.post("/api/v1/bookings", json=booking_of(table))
                assert refused.status_code == 409
                assert refused.json()["trace_id"] == TRACE
            await until(lambda: len(post.received) > 0)
            await until(lambda: {"send email", "job document.print"} <= {each.name for each in collector.spans})

    spans = collector.of_trace(TRACE)
    (request, _) = (each for each in spans if each.name == "POST /api/v1/bookings")
    assert request.service == "holdfast"
    assert request.parent_id == "00f067aa0ba902b7"
    assert request.attributes["http.response.status_code"] == "201"
    assert request.attributes["holdfast.request_id"] == answer.headers["X-Request-ID"]
    (sent,) = (each for each in spans if each.name == "send email")
    assert sent.attributes["holdfast.template"] == "booking_confirmed"
    assert not sent.failed
    way = ancestors(sent, spans)
    assert way[-1] == "POST /api/v1/bookings"
    assert way[-2] == "create bookings"  # the batch, here of one
    assert way[-3].startswith("CreateBookings.")  # the transaction
    (reaction,) = (each for each in spans if each.name == way[0])
    assert reaction.attributes["holdfast.event"].startswith("booking.")
    job = next(each for each in spans if each.name == "job document.print")
    assert ancestors(job, spans)[0] == "issue_voucher_and_itinerary_when_supplier_confirmed"
    told = b"".join(collector.raw)
    assert [said for said in GUEST.values() if said.encode() in told] == []


async def test_a_request_to_another_server_goes_on_in_the_trace_without_its_path(
    database_url: str, table: Json, collector: Collector, clock: SettableClock
) -> None:
    """The sandbox tells its webhooks over HTTP, as any provider; here to the same server."""
    async with serving(wiring(database_url, clock)) as staff:
        await House(staff).rate(table)
    settings = {"WORKER_IN_PROCESS": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    with server(database_url, **settings) as url:
        async with httpx.AsyncClient(base_url=url, timeout=60) as guest:
            made = (await guest.post("/api/v1/bookings", json=booking_of(table))).json()
            theirs = {"Authorization": f"Bearer {made['manage_token']}"}
            paying = f"/api/v1/payments/intents/{made['payment']['intent_id']}/confirm"
            paid = await guest.post(paying, json={"payment_method": "sandbox_ok"}, headers=theirs)
            assert paid.json()["status"] == "succeeded", paid.text
        await until(lambda: any(each.name == "POST /api/payments/webhook" for each in collector.spans))
    heard = next(each for each in collector.spans if each.name == "POST /api/payments/webhook")
    (asked,) = (each for each in collector.of_trace(heard.trace_id) if each.span_id == heard.parent_id)
    assert {asked.attributes.get("url.full"), asked.attributes.get("http.url")} <= {url, None}


async def test_events_are_kept_with_the_span_that_recorded_them(
    database_url: str, table: Json, collector: Collector
) -> None:
    with server(database_url, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url) as url:
        headers = {"traceparent": CALLER}
        async with httpx.AsyncClient(base_url=url, timeout=60, headers=headers) as guest:
            assert (await guest.post("/api/v1/bookings", json=booking_of(table))).status_code == 201
    engine = create_engine(database_url)
    async with engine.connect() as connection:
        kept = set(
            await connection.scalars(text("SELECT traceparent FROM kernel.outbox WHERE type LIKE 'booking.%'"))
        )
    await engine.dispose()
    (transaction,) = (each for each in collector.of_trace(TRACE) if each.name.startswith("CreateBookings."))
    assert kept == {f"00-{TRACE}-{transaction.span_id}-01"}


async def test_a_traceparent_that_is_none_begins_a_trace(database_url: str, collector: Collector) -> None:
    with server(database_url, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url) as url:
        async with httpx.AsyncClient(base_url=url, timeout=60) as guest:
            for nonsense in ("00-zz-1-01", "x" * 5_000, "00-" + "0" * 32 + "-" + "0" * 16 + "-01"):
                assert (await guest.get("/healthz", headers={"traceparent": nonsense})).status_code == 200
    begun = [each for each in collector.spans if each.name == "GET /healthz" and not each.parent_id]
    assert len({each.trace_id for each in begun}) >= 3


async def test_nothing_is_kept_or_shown_where_nothing_is_collected(database_url: str, table: Json) -> None:
    with server(database_url) as url:
        async with httpx.AsyncClient(base_url=url, timeout=60, headers={"traceparent": CALLER}) as guest:
            assert (await guest.post("/api/v1/bookings", json=booking_of(table))).status_code == 201
            refused = await guest.post("/api/v1/bookings", json=booking_of(table))
    assert "trace_id" not in refused.json()
    engine = create_engine(database_url)
    async with engine.connect() as connection:
        assert set(await connection.scalars(text("SELECT traceparent FROM kernel.outbox"))) == {None}
    await engine.dispose()


async def test_a_defect_is_reported_without_what_the_guest_wrote(
    database_url: str, table: Json, collector: Collector
) -> None:
    """A table that is broken by hand: PostgreSQL quotes the row in what it says."""
    engine = create_engine(database_url)
    async with engine.connect() as connection:
        await connection.execute(
            text("ALTER TABLE booking.bookings ADD CONSTRAINT made_to_fail CHECK (guest_email = 'nobody')")
        )
    await engine.dispose()
    observed = {"SENTRY_DSN": collector.dsn, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "ENVIRONMENT": "tests"}
    with server(database_url, **observed) as url:
        async with httpx.AsyncClient(base_url=url, timeout=60, headers={"traceparent": CALLER}) as guest:
            answer = await guest.post("/api/v1/bookings", json=booking_of(table))
            assert answer.status_code == 500, answer.text
        await until(lambda: len(collector.defects) > 0)
    (defect,) = collector.defects
    assert defect["environment"] == "tests"
    assert defect["tags"]["request_id"] == answer.headers["X-Request-ID"]
    assert defect["tags"]["trace_id"] == TRACE
    assert defect["tags"]["event"] == "defect"
    assert "made_to_fail" in json.dumps(defect["exception"])
    assert {"user", "request", "extra", "breadcrumbs", "server_name"} & defect.keys() == set()
    told = b"".join(collector.raw).decode(errors="replace")
    assert [said for said in (*GUEST.values(), "Jane", "nobody") if said in told] == []
    assert "vars" not in json.dumps(defect)
