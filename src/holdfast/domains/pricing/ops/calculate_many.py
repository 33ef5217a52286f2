from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.inventory import ResourceFacts, ResourceId
from holdfast.contracts.pricing import FeeRuleView, PriceQuery, PriceView
from holdfast.domains.pricing import queries
from holdfast.domains.pricing.exceptions import NoRateForDate, ResourceNotFound, StayTooLong
from holdfast.domains.pricing.ports import Directory
from holdfast.domains.pricing.queries import Coverage
from holdfast.domains.pricing.rules.prices import free, price
from holdfast.domains.pricing.rules.stays import Stay, stay_of
from holdfast.domains.pricing.rules.tariffs import Tariff
from holdfast.kernel.database import transaction
from holdfast.kernel.errors import Refusal
from holdfast.kernel.money import AmountTooLarge


class CalculateMany:
    """Price a batch of stays: one call to the directory and two statements, however many there are."""

    def __init__(self, db: AsyncSession, directory: Directory) -> None:
        self.db = db
        self.directory = directory

    async def execute(self, asked: Sequence[PriceQuery]) -> list[PriceView | Refusal]:
        """One outcome per query, in their order; a refused one refuses only itself.

        Refusals: ResourceNotFound, StayTooLong, NoRateForDate, AmountTooLarge.
        """
        if not asked:
            return []
        facts = await self.directory.describe_many(list({query.resource_id for query in asked}))
        stays = [stay_or_refusal(query, facts) for query in asked]
        wanted = {
            index: (query.resource_id, stay.starts_on)
            for index, (query, stay) in enumerate(zip(asked, stays, strict=True))
            if isinstance(stay, Stay)
        }
        async with transaction(self.db):
            found = await queries.rates_covering(self.db, list(wanted.values()))
            fee_rules = await queries.active_fee_rules(
                self.db,
                venue_types={each.venue.type for each in facts.values()},
                channels={query.channel for query in asked if query.channel is not None},
            )
        coverages = dict(zip(wanted, found, strict=True))
        return [
            stay
            if isinstance(stay, Refusal)
            else priced(query, stay, coverages[index], facts=facts[query.resource_id], fee_rules=fee_rules)
            for index, (query, stay) in enumerate(zip(asked, stays, strict=True))
        ]


def stay_or_refusal(query: PriceQuery, facts: Mapping[ResourceId, ResourceFacts]) -> Stay | Refusal:
    if query.resource_id not in facts:
        return ResourceNotFound(pointer="/resource_id")
    try:
        return stay_of(query, ZoneInfo(facts[query.resource_id].timezone))
    except StayTooLong as refusal:
        return refusal


def priced(
    query: PriceQuery, stay: Stay, coverage: Coverage, *, facts: ResourceFacts, fee_rules: Sequence[FeeRuleView]
) -> PriceView | Refusal:
    # selling for nothing because a season was forgotten would be the costlier mistake
    if coverage.rate is None and coverage.is_priced:
        return NoRateForDate(f"no rate is valid on {stay.starts_on}", pointer="/start_at")
    if coverage.rate is None:
        return free(facts.currency)
    try:
        return price(Tariff(coverage.rate), stay, facts=facts, fee_rules=fee_rules, channel=query.channel)
    except AmountTooLarge as refusal:
        return refusal
