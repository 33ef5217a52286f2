from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.pricing import EstimateQuery, EstimateView
from holdfast.domains.pricing import queries
from holdfast.domains.pricing.exceptions import NoRateForDate, ResourceNotFound
from holdfast.domains.pricing.ports import Directory
from holdfast.domains.pricing.rules.prices import free, price, range_of
from holdfast.domains.pricing.rules.stays import possible_stays
from holdfast.domains.pricing.rules.tariffs import Tariff
from holdfast.kernel.database import transaction


class Estimate:
    """The cheapest and the dearest total over the possible start dates; dates without a rate are left out."""

    def __init__(self, db: AsyncSession, directory: Directory) -> None:
        self.db = db
        self.directory = directory

    async def execute(self, query: EstimateQuery) -> EstimateView:
        """Raises EstimateLengthUnclear, ResourceNotFound, NoRateForDate (on none of the dates) and
        EstimateMixesCurrencies."""
        facts = (await self.directory.describe_many([query.resource_id])).get(query.resource_id)
        if facts is None:
            raise ResourceNotFound(pointer="/resource_id")
        stays = possible_stays(query, ZoneInfo(facts.timezone))
        wanted = [(query.resource_id, stay.starts_on) for stay in stays]
        async with transaction(self.db):
            coverages = await queries.rates_covering(self.db, wanted)
            fee_rules = await queries.active_fee_rules(
                self.db, venue_types={facts.venue.type}, channels=[query.channel] if query.channel else []
            )
        if not coverages[0].is_priced:
            return range_of([free(facts.currency)])
        rates = {coverage.rate.id: coverage.rate for coverage in coverages if coverage.rate is not None}
        tariffs = {rate_id: Tariff(rate) for rate_id, rate in rates.items()}
        prices = [
            price(tariffs[coverage.rate.id], stay, facts=facts, fee_rules=fee_rules, channel=query.channel)
            for stay, coverage in zip(stays, coverages, strict=True)
            if coverage.rate is not None
        ]
        if not prices:
            raise NoRateForDate(pointer="/from")
        return range_of(prices)
