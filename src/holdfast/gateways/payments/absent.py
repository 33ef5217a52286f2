"""A provider that is known and not there: it says what is missing."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from pydantic import JsonValue

from holdfast.domains.payment.exceptions import ProviderNotConfigured, WebhookNotConfigured
from holdfast.domains.payment.ports import Notice, Order, Reading, RefundOrder, RefundReading, Session


class AbsentProvider:
    """ProviderNotConfigured to every question, WebhookNotConfigured to every webhook, with `missing` as detail."""

    def __init__(self, name: str, missing: str) -> None:
        self.name = name
        self.missing = missing

    @property
    def refusal(self) -> ProviderNotConfigured:
        return ProviderNotConfigured(f"{self.name}: {self.missing}")

    async def open(self, order: Order) -> Session:
        raise self.refusal

    async def confirm(self, ref: str, *, method: str | None, data: Mapping[str, JsonValue]) -> Reading:
        raise self.refusal

    async def read(self, ref: str) -> Reading:
        raise self.refusal

    async def cancel(self, ref: str) -> Reading:
        raise self.refusal

    async def refund(self, order: RefundOrder) -> RefundReading:
        raise self.refusal

    async def read_refund(self, ref: str, order: RefundOrder) -> RefundReading:
        raise self.refusal

    async def notice(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Notice:
        raise WebhookNotConfigured(f"{self.name}: {self.missing}")

    async def payments(self, *, since: datetime, until: datetime) -> Sequence[Reading] | None:
        return None

    async def refunds(self, *, since: datetime, until: datetime) -> Sequence[RefundReading] | None:
        return None


class Heard(Protocol):
    """As `Provider.notice`."""

    async def __call__(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Notice: ...


class WebhooksOnly(AbsentProvider):
    """Without its keys: what its webhooks are signed with is enough to hear them."""

    def __init__(self, name: str, missing: str, heard: Heard) -> None:
        super().__init__(name, missing)
        self.heard = heard

    async def notice(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Notice:
        return await self.heard(headers, body, now=now)
