"""The words of messages in staff's hands: kept, taken back, tried, and never sent by looking."""

import httpx
from sqlalchemy import text

from holdfast.contracts.notification import MessageDraft, Template
from holdfast.domains.notification.kinds import KINDS
from holdfast.domains.notification.ports import Letter
from holdfast.wiring import Wiring
from tests.accounts import acts
from tests.clock import SettableClock
from tests.house import STAFF, STRANGER, Json

PATH = "/api/v1/admin/templates/booking_confirmed"
GERMAN: Json = {
    "subject": "Bestätigt: {{ reference }}",
    "text": "{{ venue_name }} erwartet Sie.",
    "html": "<p>{{ venue_name }} erwartet Sie.</p>",
}


async def saved(client: httpx.AsyncClient, place: str, words: Json) -> Json:
    answer = await client.put(f"{PATH}/{place}", json=words)
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


class Keeper:
    def __init__(self) -> None:
        self.letters: list[Letter] = []

    async def send(self, letter: Letter) -> None:
        self.letters.append(letter)


async def written(wired: Wiring, language: str) -> Letter:
    """The mail that somebody of this language would get now."""
    keeper, now = Keeper(), wired.clock.now()
    draft = MessageDraft(
        to="ada@example.org",
        template=Template.BOOKING_CONFIRMED,
        values={**KINDS[Template.BOOKING_CONFIRMED].sample},
        language=language,
    )
    async with wired.sessions() as db:
        await wired.notification(db).queue(draft, now=now)
        await wired.notification(db).send_due(keeper, wired.letterhead, clock=wired.clock)
    (letter,) = keeper.letters
    return letter


async def test_versions_are_kept_and_one_is_in_use(
    client: httpx.AsyncClient, wired: Wiring, clock: SettableClock
) -> None:
    shipped = (await client.get(f"{PATH}/en/email")).json()
    assert (shipped["version"], shipped["active"], shipped["created_by"]) == (1, True, None)

    second = await saved(client, "en/email", {**GERMAN, "subject": "Second {{ reference }}"})
    third = await saved(client, "en/email", {**GERMAN, "subject": "Third {{ reference }}"})
    assert (second["version"], third["version"]) == (2, 3)
    assert (third["active"], third["created_by"]) == (True, str(STAFF.id))
    assert (await written(wired, "en")).subject == "Third K7QX2M"

    versions = (await client.get(f"{PATH}/en/email/versions")).json()["items"]
    assert [(each["version"], each["active"]) for each in versions] == [(3, True), (2, False), (1, False)]
    for version, subject in ((2, "Second K7QX2M"), (1, "Confirmed: Seaview, K7QX2M"), (3, "Third K7QX2M")):
        answer = await client.post(f"{PATH}/en/email/activate", json={"version": version})
        assert (answer.status_code, answer.json()["version"]) == (200, version)
        assert (await written(wired, "en")).subject == subject
    unknown = await client.post(f"{PATH}/en/email/activate", json={"version": 9})
    assert (unknown.status_code, unknown.json()["detail"]) == (404, "there is no version 9")

    kept = [(act["before"]["version"], act["after"]["version"]) for act in await acts(client, "template.saved")]
    assert kept == [(2, 3), (1, 2)]
    switched = await acts(client, "template.activated")
    assert [act["after"]["version"] for act in switched] == [3, 1, 2]
    assert switched[0]["after"] == {
        "template": "booking_confirmed", "language": "en", "channel": "email", "version": 3,
    }  # fmt: skip


async def test_a_language_falls_back_step_by_step(client: httpx.AsyncClient, wired: Wiring) -> None:
    """pt-BR to pt to en; what the house wrote is there at once, in any spelling of the language."""
    said = [(await written(wired, "pt-BR")).language]
    for language in ("pt", "pt-BR"):
        await saved(client, f"{language}/email", {**GERMAN, "subject": language})
        letter = await written(wired, "pt-BR")
        assert letter.subject == language
        said.append(letter.language)
    assert said == ["en", "pt", "pt-br"]
    assert (await written(wired, "pt-PT")).language == "pt"
    missing = await client.get(f"{PATH}/it/email")
    assert (missing.status_code, missing.json()["detail"]) == (404, "messages fall back to en")
    back = await client.post(f"{PATH}/pt-BR/email/activate", json={"version": 1})
    assert (back.status_code, back.json()["language"]) == (200, "en")
    assert (await written(wired, "pt-BR")).language == "pt"


async def test_a_preview_shows_and_sends_nothing(client: httpx.AsyncClient, wired: Wiring) -> None:
    path = f"{PATH}/en/email/preview"
    as_it_is = (await client.post(path, json={})).json()
    assert as_it_is["subject"] == "Confirmed: Seaview, K7QX2M"
    assert "Ada Lovelace" in as_it_is["html"]
    evil = "<script>alert(1)</script>"
    tried = await client.post(path, json={"html": "<b>{{ guest_name }}</b>", "values": {"guest_name": evil}})
    assert tried.json()["html"] == "<b>&lt;script&gt;alert(1)&lt;/script&gt;</b>\n"
    assert tried.json()["text"].startswith("Hello,")
    wrong = await client.post(path, json={"text": "a\n{{ nobody }}"})
    assert (wrong.status_code, wrong.json()["type"], wrong.json()["line"]) == (422, "template-broken", 2)
    unknown = await client.post(path, json={"values": {"nobody": "x"}})
    assert (unknown.status_code, unknown.json()["type"]) == (422, "template-broken")
    async with wired.sessions() as db:
        assert await db.scalar(text("SELECT count(*) FROM notification.messages")) == 0
        assert await db.scalar(text("SELECT count(*) FROM notification.templates")) == 0


async def test_a_broken_one_is_refused_and_the_old_one_stays(client: httpx.AsyncClient, wired: Wiring) -> None:
    answer = await client.put(f"{PATH}/de/email", json={**GERMAN, "html": "<p>\n{{ ''.__class__ }}</p>"})
    problem = answer.json()
    assert (answer.status_code, problem["type"], problem["line"]) == (422, "template-broken", 2)
    assert problem["detail"] == "html, line 2: getattr is not allowed"
    assert (await written(wired, "de-AT")).language in ("de", "en")
    async with wired.sessions() as db:
        assert await db.scalar(text("SELECT count(*) FROM notification.templates")) == 0
    assert await acts(client, "template.saved") == []
    no_way = await client.put("/api/v1/admin/templates/verify_address/en/sms", json={"text": "x"})
    assert (no_way.status_code, no_way.json()["type"]) == (404, "template-not-found")


async def test_the_database_lets_only_the_house_change_words(client: httpx.AsyncClient, wired: Wiring) -> None:
    await saved(client, "en/sms", {"text": "{{ reference }}"})
    async with wired.session(STRANGER) as db:
        assert await db.scalar(text("SELECT count(*) FROM notification.templates")) == 1
        changed = await db.execute(text("UPDATE notification.templates SET active = false"))
        assert changed.rowcount == 0  # type: ignore[attr-defined]
    listed = (await client.get("/api/v1/admin/templates")).json()["items"]
    own = [each for each in listed if each["version"] > 1]
    assert [(each["template"], each["channel"]) for each in own] == [("booking_confirmed", "sms")]
    assert {each["template"] for each in listed} == set(Template)
