"""A payment provider in memory, which does as it is told: pays, declines, falls silent, forgets to tell."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID

from pydantic import JsonValue, SecretStr

from holdfast.contracts.payment import DisputeStatus, IntentId, RefundId, RefundStatus
from holdfast.domains.payment.exceptions import BadSignature, ProviderRefused, ProviderUnavailable
from holdfast.domains.payment.ports import (
    DisputeReading,
    Notice,
    Order,
    Provider,
    Reading,
    RefundOrder,
    RefundReading,
    Session,
    Stage,
)
from holdfast.gateways.payments.generic import GenericProvider
from holdfast.kernel.ids import uuid7
from holdfast.kernel.money import Money
from holdfast.wiring import Wiring
from tests.house import wiring

GENERIC_SECRET = "known to the other system"
SIGNED = {"x-signature": "right"}
METHODS = {"ok": Stage.SUCCEEDED, "declined": Stage.FAILED, "pending": Stage.PROCESSING}


@dataclass
class Payment:
    order: Order
    reading: Reading


@dataclass
class FakeProvider:
    """`down` hears nothing; `mute` does what it is asked and its answer is lost; `refunds_wait` leaves refunds
    pending; `refuses_refunds` says no to them."""

    name: str = "sandbox"
    down: bool = False
    mute: bool = False
    refunds_wait: bool = False
    refuses_refunds: bool = False
    lists: bool = True
    payments_by_ref: dict[str, Payment] = field(default_factory=dict)
    refunds_by_id: dict[RefundId, RefundReading] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def asked(self, call: str) -> None:
        self.calls.append(call)
        if self.down:
            raise ProviderUnavailable(retry_after=30)

    def answered(self) -> None:
        if self.mute:
            raise ProviderUnavailable(retry_after=30)

    async def open(self, order: Order) -> Session:
        self.asked("open")
        ref = f"{self.name}_{order.intent_id.hex}"
        opened = Reading(ref=ref, stage=Stage.OPEN, intent_id=order.intent_id)
        self.payments_by_ref.setdefault(ref, Payment(order, opened))
        self.answered()
        return Session(ref=ref, checkout_url=f"https://pay.example/{ref}", payload={"order_id": ref})

    async def confirm(self, ref: str, *, method: str | None, data: Mapping[str, JsonValue]) -> Reading:
        self.asked("confirm")
        if method is not None:
            if method not in METHODS:
                raise ProviderRefused(f"no such method: {method}")
            self.move(ref, METHODS[method])
        self.answered()
        return self.payments_by_ref[ref].reading

    async def read(self, ref: str) -> Reading:
        self.asked("read")
        return self.payments_by_ref[ref].reading

    async def cancel(self, ref: str) -> Reading:
        self.asked("cancel")
        if self.payments_by_ref[ref].reading.stage is Stage.OPEN:
            self.move(ref, Stage.CANCELLED)
        self.answered()
        return self.payments_by_ref[ref].reading

    async def refund(self, order: RefundOrder) -> RefundReading:
        self.asked("refund")
        if self.refuses_refunds:
            raise ProviderRefused("the account is empty")
        status = RefundStatus.PENDING if self.refunds_wait else RefundStatus.SUCCEEDED
        made = RefundReading(
            ref=f"re_{order.refund_id.hex}", status=status, amount=order.amount, refund_id=order.refund_id
        )
        made = self.refunds_by_id.setdefault(order.refund_id, made)
        self.answered()
        return made

    async def read_refund(self, ref: str, order: RefundOrder) -> RefundReading:
        self.asked("read_refund")
        refund_id, known = next(each for each in self.refunds_by_id.items() if each[1].ref == ref)
        if not self.refunds_wait and known.status is RefundStatus.PENDING:
            known = self.refunds_by_id[refund_id] = replace(known, status=RefundStatus.SUCCEEDED)
        return known

    async def notice(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Notice:
        if headers.get("x-signature") != SIGNED["x-signature"]:
            raise BadSignature
        said = json.loads(body)
        news = self.payments_by_ref[said["ref"]].reading if "ref" in said else None
        if news is not None and "stage" in said:
            news = replace(self.told(said["ref"], Stage(said["stage"])), **self.overrides(said))
        if "unknown" in said:
            news = Reading(ref=said["unknown"], stage=Stage.SUCCEEDED, amount=Money(100, "EUR"))
        if "refund" in said:
            refund = self.refunds_by_id[RefundId(UUID(said["refund"]))]
            return Notice(
                event_id=said["id"], type="refund", news=replace(refund, status=RefundStatus(said["status"]))
            )
        if "dispute" in said:
            money = Money(said["minor"], "EUR")
            disputed = {"payment_ref": said["payment"], "amount": money, "again": said.get("again", False)}
            return Notice(
                event_id=said["id"],
                type="dispute",
                news=DisputeReading(ref=said["dispute"], status=DisputeStatus(said["status"]), **disputed),
            )
        return Notice(event_id=said["id"], type="payment", news=news)

    def overrides(self, said: dict[str, Any]) -> dict[str, Any]:
        return {"amount": Money(said["minor"], said["currency"])} if "minor" in said else {}

    async def payments(self, *, since: datetime, until: datetime) -> Sequence[Reading] | None:
        self.asked("payments")
        return [payment.reading for payment in self.payments_by_ref.values()] if self.lists else None

    async def refunds(self, *, since: datetime, until: datetime) -> Sequence[RefundReading] | None:
        self.asked("refunds")
        return list(self.refunds_by_id.values()) if self.lists else None

    # --- what happens at the provider while we look elsewhere

    def give_back(self, ref: str, minor: int, currency: str = "EUR") -> UUID:
        """In its dashboard: the id by which a webhook tells of it."""
        status = RefundStatus.PENDING if self.refunds_wait else RefundStatus.SUCCEEDED
        made = uuid7()
        self.refunds_by_id[RefundId(made)] = RefundReading(
            ref=f"desk_{made.hex}", status=status, amount=Money(minor, currency), payment_ref=ref
        )
        return made

    def move(self, ref: str, stage: Stage) -> Reading:
        """The guest has paid, was declined …; what was taken stays taken."""
        payment = self.payments_by_ref[ref]
        if payment.reading.stage is not Stage.SUCCEEDED:
            payment.reading = self.told(ref, stage)
        return payment.reading

    def told(self, ref: str, stage: Stage) -> Reading:
        order = self.payments_by_ref[ref].order
        taken = stage is Stage.SUCCEEDED
        return Reading(
            ref=ref,
            stage=stage,
            amount=order.amount if taken else None,
            capture_ref=f"ch_{ref}" if taken else None,
            failure="card declined" if stage is Stage.FAILED else None,
            intent_id=order.intent_id,
        )

    def ref_of(self, intent_id: IntentId | str) -> str:
        return f"{self.name}_{UUID(str(intent_id)).hex}"


class TillWiring(Wiring):
    """The real collaborators with providers of the test's choice, and time for what is told at once."""

    nudge_seconds: ClassVar[float] = 60.0

    @cached_property
    def providers(self) -> Mapping[str, Provider]:
        return {**self.fakes, "generic": GenericProvider(SecretStr(GENERIC_SECRET))}

    @cached_property
    def fakes(self) -> dict[str, FakeProvider]:
        return {"sandbox": FakeProvider(), "stripe": FakeProvider("stripe")}


def till_wiring(database_url: str, clock: Any, *, pool_size: int = 10) -> TillWiring:
    made = wiring(database_url, clock, pool_size=pool_size)
    return TillWiring(made.settings, made.database_url, made.clock)
