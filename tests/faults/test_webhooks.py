"""Webhooks to a real receiver that refuses, hangs, redirects, lies and leaves: told at least once, or given up."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from holdfast.contracts.identity import Actor
from holdfast.contracts.webhook import (
    DeliveryStatus,
    DeliveryView,
    DisabledBecause,
    EndpointDraft,
    EndpointId,
    EndpointMade,
    WebhookDisabled,
)
from holdfast.domains.webhook.courier import Courier
from holdfast.domains.webhook.ports import Answer, Parcel, Sender
from holdfast.domains.webhook.rules.retries import MAX_ATTEMPTS, PATIENCE, PAUSES
from holdfast.domains.webhook.rules.targets import TargetRules
from holdfast.domains.webhook.services import WebhookService
from holdfast.gateways.webhook_sender import WebhookSender
from holdfast.kernel.database import transaction
from holdfast.kernel.outbox import record
from holdfast.kernel.paging import PageRequest
from holdfast.wiring import Wiring
from tests.clock import MONDAY, SettableClock
from tests.house import STAFF, wiring
from tests.kernel.test_transaction import Spoken, spoken
from tests.mail_server import Authority
from tests.webhook_receiver import ENDLESS, GARBAGE, LEAVE, SILENCE, Names, Receiver

LOOPBACK = TargetRules(plain_http=True, networks=[ip_network("127.0.0.0/8")])
# as in production, but for the port that the receiver happens to have
PUBLIC_ONLY = TargetRules(plain_http=True, ports=tuple(range(1, 65_536)))


@dataclass
class Office:
    """The webhook service of one installation, with its clock."""

    wired: Wiring
    clock: SettableClock

    async def endpoint(self, url: str, *, events: Sequence[str] = ("*",), actor: Actor = STAFF) -> EndpointMade:
        async with self.wired.sessions() as db:
            service = WebhookService(db, self.wired.keyring, LOOPBACK)
            draft = EndpointDraft(url=url, events=list(events))
            return await service.create(draft, now=self.clock.now(), actor=actor)

    async def say(self, *words: str, speaker: int = 1) -> None:
        """Record events of one aggregate, and let the relay tell them."""
        said = {"speaker": UUID(int=speaker), "occurred_at": self.clock.now()}
        async with self.wired.sessions() as db, transaction(db):
            record(db, *(spoken(word).model_copy(update=said) for word in words))
        await self.wired.relay().drain()

    def courier(self, sender: Sender | None = None, *, claim: timedelta | None = None, lanes: int = 16) -> Courier:
        chosen = sender or WebhookSender(LOOPBACK, timeout_seconds=10)
        return Courier(self.wired.sessions, self.wired.webhook, chosen, self.clock, claim=claim, lanes=lanes)

    async def send(self, sender: Sender | None = None) -> None:
        await self.courier(sender).drain()

    async def log(self, endpoint: EndpointMade) -> list[DeliveryView]:
        async with self.wired.sessions() as db:
            page = await self.wired.webhook(db).list_deliveries(endpoint.id, PageRequest(), actor=STAFF)
        return page.items

    async def only(self, endpoint: EndpointMade) -> DeliveryView:
        (delivery,) = await self.log(endpoint)
        return delivery

    async def disabled_because(self, endpoint_id: EndpointId) -> DisabledBecause | None:
        async with self.wired.sessions() as db:
            return (await self.wired.webhook(db).get(endpoint_id, actor=STAFF)).disabled_because

    async def events(self, type_: str) -> int:
        async with self.wired.sessions() as db:
            counted = text("SELECT count(*) FROM kernel.outbox WHERE type = :type")
            return await db.scalar(counted, {"type": type_}) or 0

    def later(self, by: timedelta = PAUSES[-1] * 2) -> None:
        self.clock.advance(by)


@pytest.fixture
async def office(database_url: str, clock: SettableClock) -> AsyncIterator[Office]:
    clock.set(datetime.now(UTC))  # the scheme's library judges signatures by its own clock
    wired = wiring(database_url, clock)
    yield Office(wired, clock)
    await wired.engine.dispose()


async def test_a_message_arrives_once_signed_over_tls_by_name(office: Office, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca", name="hooks.example")
    names, trust = Names(hooks_example=[["127.0.0.1"]]), ssl.create_default_context(cafile=authority.ca_file)
    async with Receiver(authority=authority) as receiver:
        endpoint = await office.endpoint(receiver.url("hooks.example"))
        await office.say("hello")
        await office.send(WebhookSender(LOOPBACK, resolve=names, tls=trust))
        await office.send(WebhookSender(LOOPBACK, resolve=names, tls=trust))
    (got,) = receiver.received
    assert got.verified_with(endpoint.secret)
    assert got.headers["host"] == f"hooks.example:{receiver.port}"
    assert got.document["type"] == Spoken.type
    assert got.document["data"]["word"] == "hello"
    assert got.id == got.document["data"]["event_id"]
    delivery = await office.only(endpoint)
    assert (delivery.status, delivery.attempts, delivery.log[0].status_code) == (DeliveryStatus.DELIVERED, 1, 204)


async def test_a_certificate_of_another_name_ends_it(office: Office, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca", name="hooks.example")
    names, trust = Names(other_example=[["127.0.0.1"]]), ssl.create_default_context(cafile=authority.ca_file)
    async with Receiver(authority=authority) as receiver:
        endpoint = await office.endpoint(receiver.url("other.example"))
        await office.say("hello")
        await office.send(WebhookSender(LOOPBACK, resolve=names, tls=trust))
        assert receiver.received == []
    assert "certificate" in str((await office.only(endpoint)).log[0].error).lower()


@pytest.mark.parametrize(
    ("told", "status_code", "error"),
    [
        (500, 500, None),
        (302, 302, None),
        (429, 429, None),
        (SILENCE, None, "no answer within"),
        (LEAVE, None, "no answer"),
        (GARBAGE, None, "no answer"),
    ],
)
async def test_what_is_not_taken_arrives_later_with_the_same_id(
    office: Office, told: int | str, status_code: int | None, error: str | None
) -> None:
    sender = WebhookSender(LOOPBACK, timeout_seconds=2 if told == SILENCE else 10)
    async with Receiver([told]) as receiver:
        endpoint = await office.endpoint(receiver.url())
        await office.say("hello")
        await office.send(sender)
        waiting = await office.only(endpoint)
        assert (waiting.status, waiting.attempts) == (DeliveryStatus.WAITING, 1)
        assert waiting.log[0].status_code == status_code
        assert (error or "") in (waiting.log[0].error or "")
        assert waiting.next_attempt_at is not None
        assert waiting.next_attempt_at > office.clock.now()
        await office.send(sender)
        assert len(receiver.received) == 1, "not before its time"
        office.later(timedelta(seconds=6))
        await office.send()
        assert receiver.connections == 2, "no redirect was followed"
    first, second = receiver.received
    assert first.id == second.id
    assert first.body == second.body
    delivered = await office.only(endpoint)
    assert [each.status_code for each in delivered.log] == [204, status_code]


@pytest.mark.parametrize(
    ("status_code", "said", "seconds"),
    [
        (429, "3600", 3_600),
        (503, "Mon, 07 Jan 2030 09:30:00 GMT", 5_400),
        (503, "9" * 20, 86_400),
        (500, "3600", None),
        (429, "soon", None),
        (429, "1", None),
    ],
)
async def test_an_endpoint_that_says_when_is_tried_then(
    office: Office, status_code: int, said: str, seconds: int | None
) -> None:
    office.clock.set(MONDAY)
    async with Receiver([status_code], retry_after=said) as receiver:
        endpoint = await office.endpoint(receiver.url())
        await office.say("hello")
        await office.send()
        next_at = (await office.only(endpoint)).next_attempt_at
        assert next_at is not None
        waits = next_at - office.clock.now()
        if seconds is None:
            assert PAUSES[0] * 0.9 <= waits <= PAUSES[0] * 1.1, "as if it had said nothing"
        else:
            assert waits == timedelta(seconds=seconds)
        office.later(waits - timedelta(seconds=1))
        await office.send()
        assert len(receiver.received) == 1, "not before its time"
        office.later(timedelta(seconds=1))
        await office.send()
    assert (await office.only(endpoint)).status is DeliveryStatus.DELIVERED


async def test_an_endless_body_is_read_to_a_bound(office: Office) -> None:
    async with Receiver([ENDLESS]) as receiver:
        endpoint = await office.endpoint(receiver.url())
        await office.say("hello")
        await office.send()
    delivery = await office.only(endpoint)
    assert delivery.status is DeliveryStatus.DELIVERED
    assert delivery.log[0].answer is not None
    assert len(delivery.log[0].answer) == 1_000


async def test_a_name_that_leads_to_this_machine_is_never_connected_to(office: Office) -> None:
    """Also where it lies to begin with: the connection goes to the address that was judged."""
    async with Receiver() as receiver:
        inside = await office.endpoint(receiver.url("inside.example"))
        mixed = await office.endpoint(receiver.url("mixed.example"))
        await office.say("hello")
        names = Names(inside_example=[["127.0.0.1"]], mixed_example=[["93.184.215.14", "::ffff:127.0.0.1"]])
        await office.send(WebhookSender(PUBLIC_ONLY, resolve=names))
        assert receiver.connections == 0
        for endpoint in (inside, mixed):
            said = (await office.only(endpoint)).log[0].error
            assert said == "not sent: the name leads to an address that messages are not sent to"

        # rebinding: judged once, and nobody asks again
        office.later(timedelta(seconds=6))
        names = Names(inside_example=[["127.0.0.2"], ["127.0.0.1"]], mixed_example=[["127.0.0.1"]])
        only_two = TargetRules(plain_http=True, networks=[ip_network("127.0.0.2/32")])
        await office.send(WebhookSender(only_two, resolve=names))
        assert names.asked.count("inside.example") == 1
        assert receiver.connections == 0, "the receiver listens on the other address"

        # the guard off, the same name reaches it
        office.later(timedelta(minutes=6))
        await office.send(
            WebhookSender(LOOPBACK, resolve=Names(inside_example=[["127.0.0.1"]], mixed_example=[["127.0.0.1"]]))
        )
        assert receiver.connections == 2


async def test_what_is_gone_is_disabled_and_said_so(office: Office) -> None:
    async with Receiver([410]) as receiver, Receiver() as watching:
        endpoint = await office.endpoint(receiver.url(), events=[f"{Spoken.type}"])
        await office.endpoint(watching.url(), events=["webhook.*"])
        await office.say("one", "two")
        await office.send()
        assert await office.disabled_because(endpoint.id) is DisabledBecause.GONE
        assert [each.status for each in await office.log(endpoint)] == [DeliveryStatus.FAILED] * 2
        await office.say("three")
        office.later()
        await office.send()
        assert len(receiver.received) == 1
        assert len(await office.log(endpoint)) == 2
    (told,) = watching.received
    assert told.document["type"] == WebhookDisabled.type
    assert told.document["data"]["because"] == "gone"


async def test_an_endpoint_that_fails_for_days_is_disabled(office: Office) -> None:
    async with Receiver([500] * 40) as receiver:
        endpoint = await office.endpoint(receiver.url())
        await office.say("one")
        began = office.clock.now()
        for pause in (*PAUSES, PAUSES[0]):
            await office.send()
            office.later(pause * 1.1)
        given_up = await office.only(endpoint)
        assert (given_up.status, given_up.attempts) == (DeliveryStatus.FAILED, MAX_ATTEMPTS)
        assert len(receiver.received) == MAX_ATTEMPTS
        assert await office.disabled_because(endpoint.id) is None
        office.clock.set(began + PATIENCE)
        await office.say("two")
        await office.send()
        assert await office.disabled_because(endpoint.id) is DisabledBecause.FAILING
        assert await office.events(WebhookDisabled.type) == 1


class Dying:
    """Hands the message over, and dies before anybody hears of it."""

    def __init__(self, inner: Sender) -> None:
        self.inner = inner

    async def send(self, parcel: Parcel) -> Answer:
        await self.inner.send(parcel)
        raise asyncio.CancelledError


async def test_who_dies_between_sending_and_marking_has_it_sent_again_with_the_same_id(office: Office) -> None:
    async with Receiver() as receiver:
        endpoint = await office.endpoint(receiver.url())
        await office.say("hello")
        await office.send(Dying(WebhookSender(LOOPBACK)))
        assert (await office.only(endpoint)).status is DeliveryStatus.SENDING
        await office.send()
        assert len(receiver.received) == 1, "the claim has not ended"
        office.later(timedelta(minutes=2))
        await office.send()
        assert (await office.only(endpoint)).status is DeliveryStatus.DELIVERED
    assert len(receiver.received) == 2
    assert len(set(receiver.ids)) == 1


async def test_ten_workers_send_each_message_once(office: Office) -> None:
    async with Receiver() as receiver:
        for _ in range(5):
            await office.endpoint(receiver.url())
        for speaker in range(10):
            await office.say("one", speaker=speaker)
        await asyncio.gather(*(office.courier(lanes=2).drain() for _ in range(10)))
        assert sorted(receiver.ids) == sorted(list(dict.fromkeys(receiver.ids)) * 5)
        assert len(receiver.received) == 50


async def test_without_a_claim_that_lasts_they_would_send_them_many_times(office: Office) -> None:
    async with Receiver() as receiver:
        await office.endpoint(receiver.url())
        for speaker in range(10):
            await office.say("one", speaker=speaker)
        couriers = [office.courier(lanes=2, claim=timedelta(0)) for _ in range(10)]
        await asyncio.gather(*(each.dispatch() for each in couriers))
        await asyncio.gather(*(task for each in couriers for task in each.running))
        assert len(receiver.received) > len(set(receiver.ids))


async def test_the_events_of_one_aggregate_come_in_order_and_a_failed_one_holds_up_nobody(office: Office) -> None:
    async with Receiver() as receiver, Receiver([SILENCE] * 8) as hanging:
        await office.endpoint(receiver.url())
        await office.endpoint(hanging.url())
        for speaker in (1, 2):
            await office.say(*(f"{speaker}-{number}" for number in range(6)), speaker=speaker)
        courier = office.courier(WebhookSender(LOOPBACK, timeout_seconds=30))
        async with asyncio.timeout(25):  # less than the hanging one takes
            while len(receiver.received) < 12:
                await courier.dispatch()
        assert len(hanging.received) <= 4, "few are on their way to one endpoint"
        await courier.stop()
    for speaker in (1, 2):
        words = [each.document["data"]["word"] for each in receiver.received]
        assert [word for word in words if word.startswith(f"{speaker}-")] == [f"{speaker}-{n}" for n in range(6)]


async def test_a_first_failure_lets_the_next_pass(office: Office) -> None:
    async with Receiver([500]) as receiver:
        endpoint = await office.endpoint(receiver.url())
        await office.say("one", "two")
        await office.send()
        assert [each.document["data"]["word"] for each in receiver.received] == ["one", "two"]
        assert [each.status for each in await office.log(endpoint)] == [
            DeliveryStatus.DELIVERED,
            DeliveryStatus.WAITING,
        ]


async def test_a_rotated_secret_signs_beside_the_new_one_for_a_day(office: Office) -> None:
    async with Receiver() as receiver:
        endpoint = await office.endpoint(receiver.url())
        async with office.wired.sessions() as db:
            service = office.wired.webhook(db)
            rotated = await service.rotate_secret(endpoint.id, now=office.clock.now(), actor=STAFF)
        await office.say("one")
        await office.send()
        (first,) = receiver.received
        assert len(first.headers["webhook-signature"].split(" ")) == 2
        assert first.verified_with(endpoint.secret)
        assert first.verified_with(rotated.secret)

        # a day earlier from the clock's view, so that the signature is of the present
        async with office.wired.sessions() as db:
            await db.execute(text("UPDATE webhook.secrets SET expires_at = expires_at - interval '24 hours'"))
        await office.say("two")
        await office.send()
        second = receiver.received[1]
        assert second.verified_with(rotated.secret)
        assert not second.verified_with(endpoint.secret)


async def test_an_event_told_twice_is_one_message_and_none_without_endpoints(office: Office) -> None:
    await office.say("before anybody listened")
    async with Receiver() as receiver:
        endpoint = await office.endpoint(receiver.url())
        await office.say("hello")
        async with office.wired.sessions() as db:
            await db.execute(
                text(
                    "UPDATE kernel.outbox SET delivered_at = NULL, reacted_at = NULL"
                    " WHERE data ->> 'word' = 'hello'"
                )
            )
        await office.wired.relay().drain()
        await office.send()
        await office.only(endpoint)
        assert len(receiver.received) == 1


async def test_a_secret_that_cannot_be_opened_holds_up_its_own_endpoint_alone(office: Office) -> None:
    async with Receiver() as receiver:
        sealed_by_another, sound = await office.endpoint(receiver.url()), await office.endpoint(receiver.url())
        async with office.wired.sessions() as db:
            spoil = text(
                "UPDATE webhook.secrets SET sealed = decode(repeat('00', 64), 'hex') WHERE endpoint_id = :id"
            )
            await db.execute(spoil, {"id": sealed_by_another.id})
        await office.say("hello")
        await office.send()
        assert len(receiver.received) == 1
        assert (await office.only(sound)).status is DeliveryStatus.DELIVERED
        assert (await office.only(sealed_by_another)).log[0].error == "SecretMismatch"
