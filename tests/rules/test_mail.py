"""What messages say, and what no value can make them say."""

import re
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.contracts.identity import MessageChoices, Preferences, Ways
from holdfast.contracts.notification import Category, Channel, Template
from holdfast.domains.notification.exceptions import MessageIncomplete, Rejected
from holdfast.domains.notification.kinds import KINDS
from holdfast.domains.notification.letters import ENDINGS, Letterhead, Script, shipped, write
from holdfast.domains.notification.ports import Letter
from holdfast.domains.notification.rules import (
    FIRST_PAUSE,
    LONGEST_PAUSE,
    MAX_ATTEMPTS,
    goes,
    international,
    on_one_line,
    pause,
    spoken_name,
)
from holdfast.domains.notification.speech import PEOPLE, WHY_REFUNDED, amount, moment, people
from holdfast.gateways.mime import Mailbox, NotAnAddress, compose
from holdfast.gateways.smtp import MailMisconfigured, Security, SmtpServer

HOUSE = Letterhead(brand="Strandhaus & Söhne")
LANGUAGES = sorted(
    folder.name for folder in (files("holdfast.domains.notification") / "templates").iterdir() if folder.is_dir()
)
WRITTEN_AT = datetime(2030, 1, 7, tzinfo=UTC)
WAYS = [(template, channel) for template in Template for channel in KINDS[template].channels]
NAMES = [(template, name) for template in Template for name in KINDS[template].sample]


def test_every_kind_is_declared() -> None:
    assert set(KINDS) == set(Template)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", Template)
def test_every_template_says_all_that_it_is_given(template: Template, language: str) -> None:
    words = write(template, values=KINDS[template].sample, language=language, letterhead=HOUSE)
    assert words.subject
    assert "\n" not in words.subject
    for value in KINDS[template].sample.values():
        assert value in words.text + words.subject
        assert value in words.html
    assert "Strandhaus & Söhne" in words.text
    assert "Strandhaus &amp; Söhne" in words.html
    assert not re.search(r"\n{4,}", words.text)


@pytest.mark.parametrize(("template", "name"), NAMES)
def test_a_missing_value_is_refused(template: Template, name: str) -> None:
    values = {each: value for each, value in KINDS[template].sample.items() if each != name}
    with pytest.raises(MessageIncomplete, match=name):
        write(template, values=values)


@pytest.mark.parametrize(("template", "channel"), WAYS)
def test_what_may_be_missing_may_be_none(template: Template, channel: Channel) -> None:
    kind = KINDS[template]
    values = {name: None if name in kind.optional else value for name, value in kind.sample.items()}
    for language in LANGUAGES:
        words = write(template, values=values, channel=channel, language=language)
        assert "None" not in words.subject + words.text + words.html


@pytest.mark.parametrize(("template", "channel"), WAYS)
def test_no_value_is_markup_or_template(template: Template, channel: Channel) -> None:
    evil = "</title><script>alert(1)</script>{{ 7 * 7 }}{% include 'x' %}\r\nBcc: all@example.org"
    values = dict.fromkeys(KINDS[template].sample, evil)
    words = write(template, values=values, channel=channel, letterhead=Letterhead(evil))
    assert "<script" not in words.html
    assert "49" not in words.subject + words.text + words.html
    assert "\r" not in words.subject
    assert "\n" not in words.subject


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_template_has_its_files_and_there_is_no_other(language: str) -> None:
    """English has all of them; another language has a kind for all of its channels, or not at all."""
    folder = files("holdfast.domains.notification") / "templates" / language
    expected = {
        f"{template}.{ending}"
        for template, channel in WAYS
        if language == "en" or shipped(template, language, Channel.EMAIL)
        for ending in ENDINGS[channel].values()
    }
    assert {file.name for file in folder.iterdir()} == expected


@pytest.mark.parametrize(
    ("wanted", "used"),
    [
        ("en", "en"),
        ("en-GB", "en"),
        ("EN", "en"),
        ("xx", "en"),
        ("de", "de"),
        ("de-AT", "de"),
        ("fr-CA", "fr"),
        ("es", "es"),
    ],
)
def test_a_language_without_templates_falls_back(wanted: str, used: str) -> None:
    words = write(Template.PASSWORD_CHANGED, values=KINDS[Template.PASSWORD_CHANGED].sample, language=wanted)
    assert words.language == used
    assert words.subject.split()[0] == {"en": "Your", "de": "Ihr", "fr": "Votre", "es": "Su"}[used]


def test_the_house_s_own_words_come_first_and_a_language_s_own_before_its_base() -> None:
    def said(language: str, *own: str) -> tuple[str, int]:
        stored = [Script(language=each, version=7, subject="s", text=f"in {each}", html="h") for each in own]
        sample = KINDS[Template.PASSWORD_CHANGED].sample
        words = write(Template.PASSWORD_CHANGED, values=sample, language=language, stored=stored)
        return words.language, int(words.text.startswith("in "))

    assert said("pt-BR", "pt-br", "pt", "en") == ("pt-br", 1)
    assert said("pt-BR", "pt", "en") == ("pt", 1)
    assert said("pt-BR", "en") == ("en", 1)
    assert said("pt-BR") == ("en", 0)
    assert said("en", "pt") == ("en", 0)


ALL, NONE = Ways(email=True, sms=True, in_app=True), Ways(email=False, sms=False, in_app=False)


@pytest.mark.parametrize("channel", Channel)
@pytest.mark.parametrize("category", Category)
def test_what_people_choose_is_what_they_get(category: Category, channel: Channel) -> None:
    """The whole matrix: with every box ticked all of it goes, with none only what may not be declined."""
    all_of_it = MessageChoices(transactional=ALL, reminders=ALL, marketing=ALL)
    none_of_it = MessageChoices(transactional=NONE, reminders=NONE, marketing=NONE)
    assert goes(category, channel, Preferences(messages=all_of_it))
    must_go = category is Category.LEGAL or (category is Category.TRANSACTIONAL and channel is Channel.EMAIL)
    assert goes(category, channel, Preferences(messages=none_of_it)) is must_go
    by_default = {
        (Category.TRANSACTIONAL, Channel.IN_APP),
        (Category.REMINDER, Channel.EMAIL),
        (Category.REMINDER, Channel.IN_APP),
    }
    assert goes(category, channel, Preferences()) is (must_go or (category, channel) in by_default)
    for group in ("transactional", "reminders", "marketing"):
        one = none_of_it.model_copy(update={group: Ways(**{**NONE.model_dump(), channel.value: True})})
        own = category is not Category.LEGAL and group.startswith(category.value)
        assert goes(category, channel, Preferences(messages=one)) is (must_go or own)


def test_the_older_box_for_marketing_mail_still_counts() -> None:
    assert goes(Category.MARKETING, Channel.EMAIL, Preferences(marketing_mail=True))
    assert not goes(Category.MARKETING, Channel.SMS, Preferences(marketing_mail=True))


@pytest.mark.parametrize(
    ("phone", "number"),
    [
        ("+49 30 / 123-4567", "+49301234567"),
        ("+1 (212) 555.0100", "+12125550100"),
        ("030 1234567", None),
        ("+0 123 4567", None),
        ("+12 34", None),
        ("+" + "1" * 16, None),
        (None, None),
    ],
)
def test_a_number_is_dialled_with_its_country_or_not_at_all(phone: str | None, number: str | None) -> None:
    assert international(phone) == number


@given(st.integers(1, MAX_ATTEMPTS), st.floats(0, 1))
def test_pauses_grow_and_scatter(attempts: int, chance: float) -> None:
    whole = pause(attempts, chance=1)
    assert whole / 2 <= pause(attempts, chance=chance) <= whole <= LONGEST_PAUSE
    assert pause(attempts + 1, chance=1) >= whole


def test_the_tries_take_about_a_day() -> None:
    assert pause(1, chance=1) == FIRST_PAUSE
    total = sum((pause(attempts, chance=0.5) for attempts in range(1, MAX_ATTEMPTS)), timedelta())
    assert timedelta(hours=8) < total < timedelta(hours=30)


@pytest.mark.parametrize(
    ("name", "spoken"),
    [
        ("Ada Lovelace", "Ada Lovelace"),
        ("  Zoë\n O'Neill ", "Zoë O'Neill"),
        ("例え", "例え"),
        ("Visit https://evil.example now", ""),
        ("www.evil", ""),
        ("evil.example", ""),
        ("a@b", ""),
        ("<b>", ""),
        ("x" * 61, ""),
        ("abc\u202egpj", "abcgpj"),
        (None, ""),
    ],
)
def test_a_stranger_s_choice_of_name_is_no_advertisement(name: str | None, spoken: str) -> None:
    assert spoken_name(name) == spoken


@given(st.text())
def test_one_line_is_one_line(text: str) -> None:
    line = on_one_line(text)
    assert len(line.splitlines()) <= 1
    assert line.isprintable() or not any(char in line for char in "\r\n\0\x85\u2028\u2029")


NOON = datetime(2030, 7, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "zone", "said"),
    [
        ("en", "Europe/Berlin", "Monday, 1 July 2030, 14:00 (Europe/Berlin)"),
        ("en", "America/New_York", "Monday, 1 July 2030, 08:00 (America/New_York)"),
        ("de", "Europe/Berlin", "Montag, 1. Juli 2030, 14:00 (Europe/Berlin)"),
        ("fr", "Europe/Berlin", "lundi 1 juillet 2030, 14:00 (Europe/Berlin)"),
        ("es", "Europe/Berlin", "lunes, 1 de julio de 2030, 14:00 (Europe/Berlin)"),
        ("pt-br", "Europe/Berlin", "segunda-feira, 1 de julho de 2030, 14:00 (Europe/Berlin)"),
        ("xx", "Europe/Berlin", "Monday, 1 July 2030, 14:00 (Europe/Berlin)"),
    ],
)
def test_times_are_the_venue_s_in_the_guest_s_language(language: str, zone: str, said: str) -> None:
    assert moment(NOON, zone, language) == said


@pytest.mark.parametrize(
    ("decimal", "currency", "language", "said"),
    [
        ("1200.00", "EUR", "en", "1,200.00 EUR"),
        ("1200.50", "EUR", "de", "1.200,50 EUR"),
        ("1200.50", "EUR", "fr", "1 200,50 EUR"),
        ("1200", "JPY", "en", "1,200 JPY"),
        ("1.250", "BHD", "en", "1.250 BHD"),
    ],
)
def test_amounts_have_their_currency_s_digits(decimal: str, currency: str, language: str, said: str) -> None:
    assert amount(decimal, currency, language).replace("\u00a0", " ").replace("\u202f", " ") == said


def test_every_refund_has_its_reason_in_every_language() -> None:
    for sentences in WHY_REFUNDED.values():
        assert set(sentences) == set(PEOPLE) == set(LANGUAGES)
    assert people(1, "de-AT") == "1 Person"
    assert people(3, "fr") == "3 personnes"
    assert people(3, "it") == "3"


@given(name=st.text(max_size=200), subject=st.text(max_size=200), body=st.text(max_size=500))
def test_whatever_is_in_a_letter_its_headers_are_ours(name: str, subject: str, body: str) -> None:
    body = body.encode(errors="replace").decode()
    letter = Letter(UUID(int=7), "ada@example.org", name, "en", subject, body, body, WRITTEN_AT)
    envelope = compose(letter, Mailbox.of("mail@example.org", name))
    head, _, _ = envelope.content.partition(b"\r\n\r\n")
    assert head.isascii()
    names = [line.partition(b":")[0] for line in head.split(b"\r\n") if not line.startswith((b" ", b"\t"))]
    assert names == [
        b"From",
        b"To",
        b"Subject",
        b"Date",
        b"Message-ID",
        b"Auto-Submitted",
        b"MIME-Version",
        b"Content-Type",
        b"Content-Language",
    ]
    assert (envelope.sender, envelope.recipient) == ("mail@example.org", "ada@example.org")


@pytest.mark.parametrize(
    "address",
    ["", "a", "@b", "a@", "a b@c", "a\r\nRCPT TO:<x>@b", "a>@b", "a@b\r\nDATA", "a@-b-", "a@b..c", 'a"@b'],
)
def test_no_address_leaves_its_place(address: str) -> None:
    with pytest.raises(NotAnAddress):
        Mailbox.of(address)
    letter = Letter(UUID(int=7), address, None, "en", "s", "t", "h", WRITTEN_AT)
    with pytest.raises(Rejected):
        compose(letter, Mailbox.of("mail@example.org"))


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example.org", SmtpServer("mail.example.org", 25)),
        ("smtp://127.0.0.1:1025", SmtpServer("127.0.0.1", 1025)),
        ("smtp://[::1]:1025", SmtpServer("::1", 1025)),
        ("smtp://u:p@localhost:1025", SmtpServer("localhost", 1025, Security.NONE, "u", "p")),
        (
            "smtp+starttls://user%40example.org:p%2Fw@host",
            SmtpServer("host", 587, Security.STARTTLS, "user@example.org", "p/w"),
        ),
        ("smtps://user:password@host", SmtpServer("host", 465, Security.TLS, "user", "password")),
    ],
)
def test_a_mail_server_is_named_by_its_url(url: str, server: SmtpServer) -> None:
    assert SmtpServer.parse(url) == server


@pytest.mark.parametrize(
    "url",
    [
        "",
        "host:25",
        "http://host",
        "smtp://",
        "smtp://host:port",
        "smtp://host/path",
        "smtp://host?tls=1",
        "smtps://user@host",
        "smtps://user:s3cr3t/x@host",
        "smtp://user:s3cr3t@mail.example.org",
    ],
)
def test_any_other_url_is_refused_without_telling_the_password(url: str) -> None:
    with pytest.raises(MailMisconfigured) as refused:
        SmtpServer.parse(url)
    assert "s3cr3t" not in str(refused.value)
