"""One comparison while it is made, and what it comes to."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from holdfast.contracts.payment import DifferenceKind, IntentId, TotalsView
from holdfast.domains.payment.records import Discrepancy
from holdfast.domains.payment.rules.postings import clearing
from holdfast.kernel.money import Money

# (provider, currency) -> minor units
Sums = Counter[tuple[str, str]]


@dataclass
class Account:
    """Over the time from `since` to `until`. `listing` and `listing_refunds` name the providers with lists."""

    since: datetime
    until: datetime
    captured: Sums = field(default_factory=Counter)
    refunded: Sums = field(default_factory=Counter)
    listed: Sums = field(default_factory=Counter)
    listed_refunds: Sums = field(default_factory=Counter)
    listing: set[str] = field(default_factory=set)
    listing_refunds: set[str] = field(default_factory=set)
    found: list[Discrepancy] = field(default_factory=list)
    unreachable: list[str] = field(default_factory=list)

    def differ(
        self,
        kind: DifferenceKind,
        provider: str,
        ref: str,
        expected: str,
        seen: str,
        *,
        intent_id: IntentId | None = None,
    ) -> None:
        self.found.append(
            Discrepancy(kind=kind, provider=provider, ref=ref, intent_id=intent_id, expected=expected, seen=seen)
        )

    def totals(self, held: dict[tuple[str, str], str]) -> list[TotalsView]:
        """`held`: what the ledger's accounts hold now, by account and currency."""
        pairs = sorted({*self.captured, *self.refunded, *self.listed, *self.listed_refunds})
        return [
            TotalsView(
                provider=provider,
                currency=currency,
                captured=str(Money(self.captured[provider, currency], currency)),
                refunded=str(Money(self.refunded[provider, currency], currency)),
                listed=sum_of(self.listed, provider, currency) if provider in self.listing else None,
                listed_refunds=sum_of(self.listed_refunds, provider, currency)
                if provider in self.listing_refunds
                else None,
                clearing=held.get((clearing(provider), currency), str(Money.zero(currency))),
            )
            for provider, currency in pairs
        ]


def sum_of(sums: Sums, provider: str, currency: str) -> str:
    return str(Money(sums[provider, currency], currency))
