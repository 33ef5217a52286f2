"""Is it free, when is it free, and what else would do."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.inventory import (
    Alternative,
    AvailabilityQuery,
    AvailabilityView,
    ResourceId,
    SlotQuery,
    SlotsView,
    SlotView,
    VenueSearch,
    Wish,
)
from holdfast.domains.inventory.exceptions import ResourceNotFound, TooManySlots, VenueNotFound
from holdfast.domains.inventory.queries import catalogue, occupancy
from holdfast.domains.inventory.rules import pool, slots
from holdfast.domains.inventory.rules.alternatives import hopeless, nearby_starts, window
from holdfast.domains.inventory.rules.calendar import DAY, Span
from holdfast.domains.inventory.rules.evaluator import Allocations, Counters, Verdict, evaluate
from holdfast.domains.inventory.rules.placement import by_fit, most_hopeful
from holdfast.domains.inventory.rules.resource import Need, Resource

UNTOUCHED = Allocations([])
# how many of a venue's resources are searched for other times
MAX_SEARCHED = 5
# a grid of one minute over three days; judging so many takes 80 ms
MAX_SLOTS = 5000


class CheckAvailability:
    """Two statements: the resource's rules, and what others have of it then."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, query: AvailabilityQuery, *, now: datetime) -> AvailabilityView:
        resource = await one(self.db, query.resource_id)
        need = Need.of(query, query.quantity)
        verdict = evaluate(resource, need, blank(resource), now=now)
        if verdict.reason is None:
            around = await occupancy.around(self.db, [(resource, need)], now=now)
            verdict = evaluate(resource, need, around[resource.id], now=now)
        return verdict.view(resource)


class CheckVenue:
    """Whether any fitting resource is free; `remaining` counts the units of all that are."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, search: VenueSearch, *, now: datetime) -> AvailabilityView:
        resources = sorted(await catalogue.with_rules(self.db, venue_ids=[search.venue_id]), key=by_fit)
        if not resources:
            if not await catalogue.known_venues(self.db, [search.venue_id]):
                raise VenueNotFound
            return AvailabilityView(available=False, remaining=0, reason="capacity")
        need = Need.of(search, search.quantity)
        verdicts = [(each, evaluate(each, need, blank(each), now=now)) for each in resources]
        fitting = [each for each, verdict in verdicts if verdict.reason is None]
        if not fitting:
            seated = [each for each in verdicts if each[0].seats(need.guests)] or verdicts[-1:]
            return seated[0][1].view(seated[0][0])
        around = await occupancy.around(self.db, [(each, need) for each in fitting], now=now)
        verdicts = [(each, around[each.id].judge(each, need)) for each in fitting]
        free = [each for each in verdicts if each[1].reason is None]
        if not free:
            resource, verdict = most_hopeful(verdicts)
            return verdict.view(resource)
        return Verdict(sum(verdict.remaining for _, verdict in free)).view(free[0][0])


class ListSlots:
    """What can be booked on these local dates. One statement for what others have, whatever the span."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, resource_id: ResourceId, query: SlotQuery, *, now: datetime) -> SlotsView:
        resource = await one(self.db, resource_id)
        asked = query.duration_minutes
        length = slots.usual_length(resource) if asked is None else timedelta(minutes=asked)
        calendar = resource.timetable.over(query.from_on, query.to_on + length + DAY)
        tried = slots.candidates(resource, calendar, first=query.from_on, last=query.to_on, length=length, now=now)
        needs = [Need(span.start, span.end, query.quantity) for span in islice(tried, MAX_SLOTS + 1)]
        if len(needs) > MAX_SLOTS:
            raise TooManySlots(pointer="/to")
        open_then = [
            need
            for need in needs
            if evaluate(resource, need, blank(resource), now=now, calendar=calendar).reason is None
        ]
        if not open_then:
            return SlotsView(items=[])
        whole = pool.claimed(resource, open_then[0].start, max(need.end for need in open_then))
        free = (await occupancy.over(self.db, [(resource, whole)], now=now))[resource.id]
        judged = [(need, free.judge(resource, need)) for need in open_then]
        return SlotsView(
            items=[
                SlotView(start_at=need.start, end_at=need.end, remaining=verdict.remaining)
                for need, verdict in judged
                if verdict.reason is None
            ]
        )


class FindAlternatives:
    """The nearest that would do: the same time elsewhere in the venue, then other times, nearest first."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, wish: Wish, *, now: datetime, limit: int) -> list[Alternative]:
        wanted, siblings = await self.fitting(wish)
        need = Need.of(wish, wish.quantity)
        same_time = await self.same_time([each for each in siblings if each.id != wish.resource_id], need, now=now)
        if len(same_time) >= limit or not wanted:
            return same_time[:limit]
        return [*same_time, *await self.other_times(wanted, need, now=now, limit=limit - len(same_time))]

    async def fitting(self, wish: Wish) -> tuple[list[Resource], list[Resource]]:
        """The resources wished for, and all of the venue that are of their kind, smallest first."""
        venue_id = wish.venue_id
        kind = None
        if wish.resource_id is not None:
            asked = await one(self.db, wish.resource_id)
            venue_id, kind = asked.venue_id, asked.kind
        assert venue_id is not None
        found = await catalogue.with_rules(self.db, venue_ids=[venue_id])
        fitting = [each for each in sorted(found, key=by_fit) if each.seats(wish.quantity) and each.active]
        wanted = [each for each in fitting if wish.resource_id in (None, each.id)]
        return wanted[:MAX_SEARCHED], [each for each in fitting if kind in (None, each.kind)]

    async def same_time(self, siblings: Sequence[Resource], need: Need, *, now: datetime) -> list[Alternative]:
        allowed = [each for each in siblings if evaluate(each, need, blank(each), now=now).reason is None]
        around = await occupancy.around(self.db, [(each, need) for each in allowed], now=now)
        free = [each for each in allowed if around[each.id].judge(each, need).reason is None]
        return [Alternative(resource_id=each.id, start_at=need.start, end_at=need.end) for each in free]

    async def other_times(
        self, wanted: Sequence[Resource], need: Need, *, now: datetime, limit: int
    ) -> list[Alternative]:
        windows = [(each, window(each, need, now=now)) for each in wanted]
        places = [(each, span) for each, span in windows if not hopeless(each, need, span, now=now)]
        free = await occupancy.over(self.db, [(each, pool.claimed(each, *span)) for each, span in places], now=now)
        found: dict[Span, ResourceId] = {}
        for each, span in places:
            bookable = (
                other
                for other in nearby_starts(each, need, span, free[each.id], now=now)
                if evaluate(each, other, free[each.id], now=now).reason is None
            )
            for other in islice(bookable, limit):
                found.setdefault(Span(other.start, other.end), each.id)
        nearest = sorted(found, key=lambda span: (abs(span.start - need.start), span.start))
        return [Alternative(resource_id=found[at], start_at=at.start, end_at=at.end) for at in nearest[:limit]]


async def one(db: AsyncSession, resource_id: ResourceId) -> Resource:
    found = await catalogue.with_rules(db, ids=[resource_id])
    if not found:
        raise ResourceNotFound
    return found[0]


def blank(resource: Resource) -> Allocations | Counters:
    """Nobody else has anything: leaves only the resource's own rules to refuse."""
    return UNTOUCHED if resource.exclusive else Counters({})
