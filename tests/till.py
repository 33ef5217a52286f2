"""A house that takes money: bookings to pay for, a provider that does as it is told, and what became of both."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
from sqlalchemy import text

from holdfast.domains.payment.ports import Stage
from holdfast.kernel.database import create_engine
from holdfast.worker import Worker
from tests.house import House, Json, at
from tests.providers import SIGNED, FakeProvider, TillWiring

INTENTS, REFUNDS = "/api/v1/payments/intents", "/api/v1/payments/refunds"
WEBHOOK = "/api/payments/webhook"


@dataclass
class Till:
    wired: TillWiring
    client: httpx.AsyncClient
    taken: int = 0

    @property
    def house(self) -> House:
        return House(self.client)

    @property
    def sandbox(self) -> FakeProvider:
        return self.wired.fakes["sandbox"]

    async def table(self, amount: str = "120.00", **rate: object) -> Json:
        table = await self.house.table()
        await self.house.rate(table, amount, **rate)
        return table

    async def booked(self, table: Json, **fields: Any) -> Json:
        """At another time than the ones before."""
        self.taken += 2
        return await self.house.booked(table, **{"start_at": at(self.taken), **fields})

    async def ask(self, booking: Json, key: str | None = None, **fields: object) -> httpx.Response:
        headers = {"Idempotency-Key": key or str(uuid4())}
        return await self.client.post(INTENTS, json={"booking_id": booking["id"], **fields}, headers=headers)

    async def intent(self, booking: Json, **fields: Any) -> Json:
        answer = await self.ask(booking, **fields)
        assert answer.status_code == 201, answer.text
        return answer.json()  # type: ignore[no-any-return]

    async def confirm(self, intent: Json, method: str | None = "ok") -> httpx.Response:
        said = {"payment_method": method} if method else {}
        return await self.client.post(f"{INTENTS}/{intent['id']}/confirm", json=said)

    async def paid(self, booking: Json) -> Json:
        """Its intent, paid."""
        intent = await self.intent(booking)
        answer = await self.confirm(intent)
        assert answer.json()["status"] == "succeeded", answer.text
        return answer.json()  # type: ignore[no-any-return]

    async def tell(self, event_id: str, headers: dict[str, str] | None = None, **said: Any) -> httpx.Response:
        """A webhook of the provider."""
        content = json.dumps({"id": event_id, **said})
        url = f"{WEBHOOK}?provider=sandbox"
        return await self.client.post(url, content=content, headers=SIGNED if headers is None else headers)

    async def told(
        self, intent: Json, stage: Stage | None = None, event_id: str | None = None, **said: Any
    ) -> bool:
        """The news of an intent, as it stands or at that stage; whether they were seen before."""
        more: dict[str, Any] = {"stage": stage, **said} if stage else said
        answer = await self.tell(event_id or str(uuid4()), ref=self.ref(intent), **more)
        assert answer.status_code == 200, answer.text
        return bool(answer.json()["data"]["seen_before"])

    def ref(self, intent: Json) -> str:
        return self.wired.fakes[intent["provider"]].ref_of(intent["id"])

    async def refund(
        self, intent: Json, amount: str | None = None, key: str | None = None, **fields: object
    ) -> httpx.Response:
        body = {"intent_id": intent["id"], "reason": "sorry", **({"amount": amount} if amount else {}), **fields}
        return await self.client.post(REFUNDS, json=body, headers={"Idempotency-Key": key or str(uuid4())})

    async def status(self, intent: Json) -> str:
        return str((await self.client.get(f"{INTENTS}/{intent['id']}")).json()["status"])

    async def booking(self, booking: Json) -> Json:
        return (await self.client.get(f"/api/v1/bookings/{booking['id']}")).json()  # type: ignore[no-any-return]

    async def work(self) -> None:
        """What the background would do by now: what is told may be work for a job, and that is told again."""
        for _ in range(3):
            await Worker(self.wired).run_once()

    async def rows(self, statement: str) -> list[tuple[Any, ...]]:
        async with self.wired.sessions() as db:
            return [tuple(row) for row in await db.execute(text(statement))]

    async def rows_changed(self, statement: str) -> None:
        """As the owner of the tables, whom no policy binds."""
        owner = create_engine(self.wired.database_url, pool_size=1)
        async with owner.connect() as connection:
            await connection.execute(text(statement))
        await owner.dispose()

    async def balances(self) -> dict[str, str]:
        """What the accounts hold, the empty ones left out."""
        items = (await self.client.get("/api/v1/admin/ledger/balances")).json()["items"]
        return {each["account"]: each["amount"] for each in items if float(each["amount"])}

    async def broken(self) -> list[str]:
        return [finding.invariant for finding in await self.wired.audit() if finding.breaches]
