"""A booking's papers, from the event that asks for them to the door that reads them."""

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import vobject
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from holdfast.contracts.identity import ActorType
from holdfast.domains.document.proofs.codes import CheckInCodes, read
from holdfast.kernel.postgres_url import connect_args
from holdfast.wiring import Wiring
from holdfast.worker import Worker
from tests.accounts import account, signed_in
from tests.api.test_booking_items import decide, journey
from tests.api.test_booking_lifecycle import WAY, paid, went
from tests.clock import SettableClock
from tests.house import CUSTOMER, HOLDERS, SUPPLIER, House, Json, at, bearer
from tests.papers import text_of

DOCUMENTS = "/api/v1/documents"
SELLER = {
    "name": "Seaview Hotels",
    "street": "1 Harbour Road",
    "postcode": "20457",
    "city": "Hamburg",
    "country": "DE",
    "vat_id": "DE123456789",
    "prefix": "SV",
}
OWNER = {"id": str(CUSTOMER.id), "name": "李小龍 <b>", "email": "owner@example.org"}
TAXES = [{"label": "VAT", "percent": "7", "included": True}]


@pytest.fixture
async def table(house: House) -> Json:
    """A supplier's, 120 an hour, payable there."""
    await house.open(supplier_id=str(SUPPLIER.id), timezone="Europe/Berlin")
    answer = await house.client.put(f"{DOCUMENTS}/sellers/{SUPPLIER.id}", json=SELLER, headers=bearer("supplier"))
    assert answer.status_code == 200, answer.text
    table = await house.table()
    await house.rate(table, per="hour", terms="at_venue", taxes=TAXES)
    return table


async def drain(wired: Wiring) -> None:
    await wired.relay().drain()


async def papers(client: httpx.AsyncClient, booking: Json, caller: str = "staff") -> list[Json]:
    answer = await client.get(f"/api/v1/bookings/{booking['id']}/documents", headers=bearer(caller))
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]  # type: ignore[no-any-return]


async def generate(client: httpx.AsyncClient, booking: Json, kind: str, **fields: object) -> httpx.Response:
    return await client.post(DOCUMENTS, json={"booking_id": booking["id"], "kind": kind, **fields})


async def download(client: httpx.AsyncClient, document: Json, **params: str) -> bytes:
    answer = await client.get(f"{DOCUMENTS}/{document['id']}/download", params=params)
    assert answer.status_code == 200, answer.text
    assert document["number"] in answer.headers["content-disposition"]
    return answer.content


def kinds(items: list[Json]) -> list[tuple[str, int]]:
    return [(each["kind"], each["version"]) for each in items]


async def test_a_confirmed_booking_has_its_papers_by_itself(
    wired: Wiring, house: House, table: Json, tmp_path: Path
) -> None:
    booking = await house.booked(table, guest=OWNER)
    await drain(wired)
    await drain(wired)
    invoice, voucher, itinerary = made = await papers(house.client, booking)
    assert kinds(made) == [("invoice", 1), ("voucher", 1), ("itinerary", 1)]
    assert (invoice["number"], invoice["total"], invoice["e_invoice"]) == ("SV-2030-00001", "120.00", True)
    assert voucher["number"] == f"{booking['reference']}-V1"

    answer = await house.client.get(f"/api/v1/bookings/{booking['id']}")
    now = answer.json()
    assert (now["lifecycle_status"], now["version"]) == ("documents_generated", booking["version"])

    await Worker(wired).run_once()
    async with wired.sessions() as db:
        kept = (await db.execute(text("SELECT format, size, standard FROM document.files ORDER BY key"))).all()
    assert sorted(row.format for row in kept) == ["ics", "pdf", "pdf", "pdf"]

    content = await download(house.client, invoice)
    said = text_of(content, tmp_path)
    expected = ["SV-2030-00001", "李小龍 <b>", "EUR 120.00", "VAT 7 %", "7.85", "Balance due at the venue"]
    assert [word for word in [*expected, SELLER["vat_id"]] if word not in said] == []
    assert content == await download(house.client, invoice)

    calendar = vobject.readOne((await download(house.client, itinerary, format="ics")).decode())
    assert calendar.vevent.dtstart.value == datetime.fromisoformat(booking["start_at"])
    assert booking["reference"] in calendar.vevent.description.value
    assert kinds(await papers(house.client, booking, "customer")) == kinds(made)
    assert kinds(await papers(house.client, booking, "supplier")) == [("invoice", 1), ("voucher", 1)]


async def test_what_is_sold_no_more_is_taken_back_and_what_costs_another_price_invoiced_anew(
    wired: Wiring, house: House, table: Json
) -> None:
    booking = await house.booked(table, guest=OWNER)
    await drain(wired)
    path = f"/api/v1/bookings/{booking['id']}"
    moved = await house.client.put(path, json={"expected_version": booking["version"], "end_at": at(2)})
    assert moved.status_code == 200, moved.text
    await drain(wired)
    made = await papers(house.client, booking)
    assert [(each["number"], each["total"]) for each in made if each["total"]] == [
        ("SV-2030-00001", "120.00"),
        (f"{booking['reference']}-V1", "120.00"),
        (f"{booking['reference']}-I1", "120.00"),
        ("CN-SV-2030-00001", "120.00"),
        ("SV-2030-00002", "240.00"),
        (f"{booking['reference']}-V2", "240.00"),
        (f"{booking['reference']}-I2", "240.00"),
    ]
    cancelled = await house.client.post(f"{path}/cancel", json={"reason": "change of plans"})
    assert cancelled.status_code == 200, cancelled.text
    await drain(wired)
    *_, credit = await papers(house.client, booking)
    assert (credit["kind"], credit["number"], credit["total"]) == ("credit_note", "CN-SV-2030-00002", "240.00")
    assert credit["corrects"] == next(each["id"] for each in made if each["number"] == "SV-2030-00002")
    assert credit["e_invoice"] is True


async def test_papers_by_hand(house: House, table: Json) -> None:
    booking = await house.booked(table, guest=OWNER)
    client = house.client
    first, again = [(await generate(client, booking, "voucher")).json() for _ in range(2)]
    assert first == again
    newer = (await generate(client, booking, "voucher", regenerate=True)).json()
    assert (newer["version"], newer["id"] != first["id"]) == (2, True)
    assert await download(client, first) != await download(client, newer)

    invoice = (await generate(client, booking, "invoice", billing={"name": "ACME", "country": "AT"})).json()
    assert (await generate(client, booking, "invoice")).json() == invoice
    for order, status, kind in (
        ({"kind": "invoice", "regenerate": True}, 409, "invoice-stands"),
        ({"kind": "quotation"}, 409, "document-not-ready"),
        ({"kind": "credit_note"}, 422, "credit-says-why"),
        ({"kind": "credit_note", "reason": "noise", "amount": "120.01"}, 422, "credit-too-large"),
        ({"kind": "credit_note", "reason": "noise", "amount": "0.00"}, 422, "credit-too-large"),
        ({"kind": "credit_note", "reason": "noise", "amount": "1.001"}, 422, "too-many-decimals"),
        ({"kind": "voucher", "amount": "1.00"}, 422, "only-for-credit-notes"),
    ):
        answer = await generate(client, booking, **order)
        assert (answer.status_code, answer.json()["type"]) == (status, kind)
    before = await papers(client, booking)
    part = await generate(client, booking, "credit_note", reason="noise", amount="20.00")
    assert part.json()["total"] == "20.00"
    rest = await generate(client, booking, "credit_note", reason="noise again")
    assert rest.json()["total"] == "100.00"
    answer = await generate(client, booking, "credit_note", reason="more")
    assert (answer.status_code, answer.json()["type"]) == (409, "nothing-to-credit")
    assert len(await papers(client, booking)) == len(before) + 2
    second = (await generate(client, booking, "invoice")).json()
    assert (second["number"], second["version"]) == ("SV-2030-00002", 2)

    said = {"bookingId": booking["id"], "kind": "e_ticket"}
    enveloped = (await client.post("/api/documents/generate", json=said)).json()
    document = enveloped["data"]["document"]
    assert (enveloped["ok"], document["bookingId"], document["kind"]) == (True, booking["id"], "e_ticket")
    path = document["url"].removeprefix("http://127.0.0.1:8000")
    linked = await client.get(path, headers={"Authorization": ""})
    assert (linked.status_code, linked.content[:5]) == (200, b"%PDF-")


@pytest.mark.parametrize(
    ("chosen", "said", "expected"),
    [
        ("fr", "de", "Facture"),
        (None, "de-AT", "Rechnung"),
        (None, "nonsense!", "Invoice"),
        (None, None, "Invoice"),
    ],
)
async def test_papers_are_in_the_language_of_the_account_else_of_the_booking(
    wired: Wiring, house: House, table: Json, chosen: str | None, said: str | None, expected: str
) -> None:
    guest = {**OWNER, "id": str(await account(wired))}
    if chosen is not None:
        header = await signed_in(house.client)
        await house.client.put("/api/v1/users/me/preferences", json={"language": chosen}, headers=header)
    booking = await house.booked(table, guest=guest, metadata={"language": said} if said else {})
    await drain(wired)
    (invoice,) = [each for each in await papers(house.client, booking) if each["kind"] == "invoice"]
    assert invoice["filename"] == f"{expected} {invoice['number']}.pdf"


async def test_a_link_is_good_without_a_session_until_it_expires(
    house: House, table: Json, clock: SettableClock
) -> None:
    booking = await house.booked(table, guest=OWNER)
    voucher = (await generate(house.client, booking, "voucher")).json()
    link = (await house.client.post(f"{DOCUMENTS}/{voucher['id']}/links", headers=bearer("customer"))).json()
    path, nobody = link["url"].removeprefix("http://127.0.0.1:8000"), {"Authorization": ""}
    assert (await house.client.get(path, headers=nobody)).content[:5] == b"%PDF-"
    forged = await house.client.get(path[:-3] + "AAA", headers=nobody)
    assert (forged.status_code, forged.json()["type"]) == (404, "link-invalid")
    clock.advance(timedelta(hours=168))
    late = await house.client.get(path, headers=nobody)
    assert (late.status_code, late.json()["type"]) == (410, "link-expired")


async def test_a_file_that_is_not_what_was_stored_is_not_handed_out(
    wired: Wiring, house: House, table: Json
) -> None:
    booking = await house.booked(table, guest=OWNER)
    voucher = (await generate(house.client, booking, "voucher")).json()
    await download(house.client, voucher)
    folder = wired.settings.database.data_dir / "documents"
    (file,) = folder.rglob(f"{voucher['id']}*.pdf")
    assert file.stat().st_mode & 0o077 == 0
    for spoil in (lambda: file.write_bytes(b"%PDF-forged"), file.unlink):
        spoil()
        answer = await house.client.get(f"{DOCUMENTS}/{voucher['id']}/download")
        assert (answer.status_code, answer.json()["type"]) == (503, "file-damaged")


async def code_of(wired: Wiring, document: Json) -> str:
    async with wired.sessions() as db:
        found = await db.scalar(
            text("SELECT facts ->> 'code' FROM document.documents WHERE id = :id"), {"id": document["id"]}
        )
    return str(found)


async def test_a_voucher_opens_the_door_once(
    wired: Wiring, house: House, table: Json, clock: SettableClock
) -> None:
    booking = await house.booked(table, guest=OWNER)
    code = await code_of(wired, (await generate(house.client, booking, "voucher")).json())

    # the door knows nothing but what is published
    (jwk,) = (await house.client.get("/.well-known/check-in-keys.json")).json()["keys"]
    public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(jwk["x"] + "="))
    admission = read(code.lower(), public, bytes.fromhex(jwk["kid"]))
    assert (str(admission.booking_id), admission.reference) == (booking["id"], booking["reference"])
    assert admission.start_at == datetime.fromisoformat(booking["start_at"])
    assert admission.party_size == booking["party_size"]

    async def scan(code: str, caller: str = "supplier") -> tuple[int, Json]:
        answer = await house.client.post("/api/v1/bookings/check-in", json={"code": code}, headers=bearer(caller))
        return answer.status_code, answer.json()

    other_key = CheckInCodes(bytes(32)).issue(admission)
    for forged in (other_key, code[:-4] + "AAAA", "HF1:" + "A" * 191, code.replace("HF1:", "HF2:")):
        status, said = await scan(forged)
        assert (status, said["type"]) == (422, "check-in-code-invalid")
    assert (await scan(code, "rival"))[0] == 404
    clock.advance(timedelta(hours=5))
    status, said = await scan(code)
    assert (status, said["status"]) == (200, "CHECKED_IN")

    checked_in_at = clock.now()
    clock.advance(timedelta(minutes=5))
    status, said = await scan(code, "staff")
    assert (status, said["type"], said["venue_name"]) == (409, "already-checked-in", "Seaview")
    assert datetime.fromisoformat(said["checked_in_at"]) == checked_in_at.astimezone(UTC)
    assert (said["by_type"], said["by_id"]) == (ActorType.SUPPLIER, str(SUPPLIER.id))


async def test_a_code_opens_no_door_too_early_or_of_a_cancelled_booking(
    wired: Wiring, house: House, table: Json
) -> None:
    late = await house.booked(table, guest=OWNER, start_at=at(48))
    gone = await house.booked(table, guest=OWNER, start_at=at(4))
    answers = []
    for booking in (late, gone):
        code = await code_of(wired, (await generate(house.client, booking, "voucher")).json())
        if booking is gone:
            await house.client.post(f"/api/v1/bookings/{gone['id']}/cancel", json={"reason": "no"})
        answer = await house.client.post("/api/v1/bookings/check-in", json={"code": code})
        answers.append((answer.status_code, answer.json()["type"]))
    assert answers == [(409, "check-in-not-open"), (409, "transition-not-allowed")]


async def test_nobody_changes_a_document_and_strangers_see_none(
    wired: Wiring, database_url: str, house: House, table: Json
) -> None:
    booking = await house.booked(table, guest=OWNER)
    for kind in ("invoice", "voucher", "e_ticket"):
        document = (await generate(house.client, booking, kind)).json()
        await download(house.client, document)
    seen: dict[str, Any] = {}
    for name in ("customer", "supplier", "stranger", "rival", "staff"):
        async with wired.session(HOLDERS[name]) as db:
            found = await db.scalars(text("SELECT kind FROM document.documents ORDER BY kind"))
            files = await db.scalar(text("SELECT count(*) FROM document.files"))
            seen[name] = ([*found], files)
    everything = (["e_ticket", "invoice", "voucher"], 3)
    assert seen == {
        "customer": everything,
        "supplier": (["invoice", "voucher"], 2),
        "stranger": ([], 0),
        "rival": ([], 0),
        "staff": everything,
    }
    async with wired.sessions() as db:
        for statement in ("UPDATE document.documents SET number = 'X'", "DELETE FROM document.documents"):
            with pytest.raises(DBAPIError, match="permission denied"):
                await db.execute(text(statement))
            await db.rollback()
    owner = create_async_engine("postgresql+asyncpg://", connect_args=connect_args(database_url, {}))
    async with owner.connect() as connection:
        with pytest.raises(DBAPIError, match="never changed"):
            await connection.execute(text("UPDATE document.documents SET number = 'X'"))
    await owner.dispose()


async def test_the_guest_is_sent_the_papers(wired: Wiring, house: House, table: Json) -> None:
    booking = await house.booked(table, guest=OWNER)
    for _ in range(3):
        await drain(wired)
    sent = text("SELECT attachments FROM notification.messages WHERE template = 'documents_ready' ORDER BY id")
    async with wired.sessions() as db:
        names = [[each["filename"] for each in row.attachments] for row in await db.execute(sent)]
        reference = booking["reference"]
        journey = [f"Voucher {reference}-V1.pdf", f"Itinerary {reference}-I1.pdf"]
        assert names == [["Invoice SV-2030-00001.pdf", *journey]]
        await house.client.post(f"/api/v1/bookings/{booking['id']}/cancel", json={"reason": "no"})
        for _ in range(3):
            await drain(wired)
        names = [[each["filename"] for each in row.attachments] for row in await db.execute(sent)]
        assert names[1:] == [["Credit note CN-SV-2030-00001.pdf"]]


async def test_each_stage_of_a_journey_owes_its_papers(wired: Wiring, house: House, tmp_path: Path) -> None:
    client = house.client
    booking, (transfer, tour, _) = await journey(house)
    quotation = await generate(client, booking, "quotation")
    assert "EUR 244.80" in text_of(await download(client, quotation.json()), tmp_path)
    await went(client, booking, *WAY[1:5])
    await paid(wired, booking, 24_480)
    await drain(wired)
    assert kinds(await papers(client, booking)) == [("quotation", 1), ("invoice", 1)]

    await decide(client, transfer, "confirm", "supplier", confirmation_reference="TR-4711")
    await decide(client, tour, "confirm", "rival", confirmation_reference="観光-12")
    await drain(wired)
    await drain(wired)
    *_, itinerary = made = await papers(client, booking)
    assert kinds(made)[2:] == [("voucher", 1), ("itinerary", 1)]
    said = text_of(await download(client, itinerary), tmp_path)
    assert [word for word in ("TR-4711", "観光-12", "港めぐり", "Airport transfer") if word not in said] == []
    events = vobject.readOne((await download(client, itinerary, format="ics")).decode()).vevent_list
    assert [each.summary.value for each in events] == ["Seaview", "Airport transfer", "港めぐり", "Guide"]
    now = (await client.get(f"/api/v1/bookings/{booking['id']}")).json()
    assert now["lifecycle_status"] == "documents_generated"


async def test_a_booking_that_is_cancelled_before_its_papers_are_made_is_left_alone(
    wired: Wiring, house: House, client: httpx.AsyncClient, table: Json
) -> None:
    booking = await house.booked(table)
    cancelled = await client.post(f"/api/v1/bookings/{booking['id']}/cancel", json={"reason": "ill"})
    assert cancelled.status_code == 200, cancelled.text
    await drain(wired)
    after = (await client.get(f"/api/v1/bookings/{booking['id']}")).json()
    assert (after["status"], after["lifecycle_status"]) == ("CANCELLED", "cancelled")
    async with wired.sessions() as db:
        left = await db.execute(text("SELECT type, last_error FROM kernel.outbox WHERE attempts > 0"))
    assert left.all() == []
