"""Reserve: the one way in which anything is held or sold."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.inventory import (
    Claim,
    ReservationId,
    ReservationStatus,
    ReservationView,
    ResourceId,
    VenueId,
    VenueSummary,
)
from holdfast.domains.inventory.exceptions import (
    VIOLATIONS,
    AnotherReservation,
    NotBookable,
    ResourceNotFound,
    SlotTaken,
    VenueNotFound,
    why_not,
)
from holdfast.domains.inventory.queries import catalogue, claims, occupancy, reservations
from holdfast.domains.inventory.queries.claims import NewAllocation
from holdfast.domains.inventory.rules import pool
from holdfast.domains.inventory.rules.calendar import Span
from holdfast.domains.inventory.rules.evaluator import Verdict, refused_by_rules
from holdfast.domains.inventory.rules.placement import Options, by_fit, place
from holdfast.domains.inventory.rules.resource import Need, Resource
from holdfast.kernel.database import transaction
from holdfast.kernel.errors import Refusal
from holdfast.kernel.ids import uuid7

Answer = ReservationView | Refusal


@dataclass
class Pending:
    """A claim that the resource's own rules allow, and what would do for it."""

    claim: Claim
    options: Options

    @property
    def by_venue(self) -> bool:
        return self.claim.resource_id is None

    @property
    def key(self) -> tuple[UUID, int]:
        return self.claim.booking_id, self.claim.item

    def row(self, resource: Resource) -> NewAllocation:
        period = Span(self.claim.start_at, self.claim.end_at)
        claim, options = self.claim, self.options
        return NewAllocation(
            id=options.id,
            booking_id=claim.booking_id,
            item=claim.item,
            resource=resource,
            period=period,
            guests=claim.quantity,
            expires_at=claim.expires_at,
            made_by=claim.made_by,
        )


@dataclass
class Outcome:
    """What became of a batch; `why` keeps what the evaluator said of those that got no place."""

    placed: dict[UUID, Resource] = field(default_factory=dict)
    why: dict[UUID, tuple[Resource, Verdict]] = field(default_factory=dict)


class ReserveMany:
    """Hold or sell each of these, or say why not: a refused claim refuses only itself.

    Claims on exclusive resources by their id need two statements, whatever their number; a batch that also
    counts in pools or picks among a venue's resources needs five or six. More is asked only about refusals.
    """

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, wishes: Sequence[Claim], *, now: datetime) -> list[Answer]:
        async with transaction(self.db, VIOLATIONS):
            resources = await catalogue.with_rules(
                self.db,
                ids={claim.resource_id for claim in wishes if claim.resource_id},
                venue_ids={claim.venue_id for claim in wishes if claim.venue_id},
            )
            sorted_out = [allowed(claim, resources, now=now) for claim in wishes]
            pending = [entry for entry in sorted_out if isinstance(entry, Pending)]
            venues = {claim.venue_id for claim in wishes if claim.venue_id} - {each.venue_id for each in resources}
            empty = await catalogue.known_venues(self.db, venues) if venues else set[VenueId]()
            answers = await self.settle(pending, now=now) if pending else {}
            # a claim granted in time may be repeated when its time has become too near
            barred = {claim.booking_id for claim, entry in zip(wishes, sorted_out, strict=True) if late(entry)}
            mine = await reservations.live_by_key(self.db, barred) if barred else {}
        return [
            answers[entry.options.id]
            if isinstance(entry, Pending)
            else granted_before(claim, mine, now=now) or located(entry, claim, empty)
            for claim, entry in zip(wishes, sorted_out, strict=True)
        ]

    async def settle(self, pending: Sequence[Pending], *, now: datetime) -> dict[UUID, Answer]:
        plain = all(not entry.by_venue and entry.options.resources[0].exclusive for entry in pending)
        outcome = await (self.claim_exclusive if plain else self.claim_counted)(pending, now=now)
        left = [entry for entry in pending if entry.options.id not in outcome.placed]
        answers: dict[UUID, Answer] = {}
        if left:
            answers = await self.explain(left, outcome, now=now)
            again = [entry for entry in left if entry.options.id not in answers]
            if again:  # what was in the way has gone meanwhile, or an expired hold stands under the claim's key
                second = await self.claim_counted(again, now=now)
                outcome.placed |= second.placed
                answers |= {entry.options.id: lost(entry, second) for entry in again}
        made = {entry.options.id: entry for entry in pending}
        return answers | {id_: view(made[id_], resource) for id_, resource in outcome.placed.items()}

    async def claim_exclusive(self, pending: Sequence[Pending], *, now: datetime) -> Outcome:
        rows = [entry.row(entry.options.resources[0]) for entry in pending]
        inserted = await claims.insert_exclusive(self.db, rows, now=now)
        return Outcome({row.id: row.resource for row in rows if row.id in inserted})

    async def claim_counted(self, pending: Sequence[Pending], *, now: datetime) -> Outcome:
        needs = [(each, entry.options.need) for entry in pending for each in entry.options.resources]
        places = [(each, pool.claimed(each, need.start, need.end)) for each, need in needs]
        keys = [entry.key for entry in pending]
        locked = await claims.lock(self.db, places, whole=picked_among(pending), keys=keys, now=now)
        mine = [(each.id, at) for each, span in places if not each.exclusive for at in pool.buckets(each, span)]
        await claims.lock_buckets(self.db, [*mine, *(bucket for row in locked for bucket in row.buckets)])
        around = await occupancy.around(self.db, needs, now=now)
        found, why = place([entry.options for entry in pending], around)
        rows = [entry.row(found[entry.options.id]) for entry in pending if entry.options.id in found]
        stale = [row.id for row in locked]
        inserted = await claims.insert_counted(self.db, rows, stale=stale, now=now) if rows else set[UUID]()
        return Outcome({id_: each for id_, each in found.items() if id_ in inserted}, why)

    async def explain(self, left: Sequence[Pending], outcome: Outcome, *, now: datetime) -> dict[UUID, Answer]:
        """Give back what the same claim got before, or say what is in the way; silent where nothing is."""
        mine = await reservations.live_by_key(self.db, {entry.claim.booking_id for entry in left})
        silent = [entry.options for entry in left if entry.options.id not in outcome.why]
        unexplained = [(options.resources[0], options.need) for options in silent]
        around = await occupancy.around(self.db, unexplained, now=now) if unexplained else {}
        answers: dict[UUID, Answer] = {}
        for entry in left:
            id_, need = entry.options.id, entry.options.need
            before = mine.get(entry.key)
            if before is not None and not lapsed(before, now=now):
                same = repeats(entry.claim, before)
                answers[id_] = before if same else AnotherReservation(reservation_id=str(before.reservation_id))
            elif id_ in outcome.why:
                answers[id_] = why_not(outcome.why[id_][0], need, outcome.why[id_][1])
            else:
                resource = entry.options.resources[0]
                verdict = around[resource.id].judge(resource, need)
                if verdict.reason is not None:
                    answers[id_] = why_not(resource, need, verdict)
        return answers


def allowed(claim: Claim, resources: Iterable[Resource], *, now: datetime) -> Pending | Refusal:
    """The claim with all that would do for it, or what the resources' own rules say against it."""
    need = Need.of(claim, claim.quantity)
    known = [each for each in resources if claim.resource_id == each.id or claim.venue_id == each.venue_id]
    if not known:
        return VenueNotFound() if claim.resource_id is None else ResourceNotFound()
    reasons = [(each, refused_by_rules(each, need, now=now)) for each in sorted(known, key=by_fit)]
    fitting = [each for each, reason in reasons if reason is None]
    if fitting:
        return Pending(claim, Options(ReservationId(uuid7()), need, fitting, claim.expires_at))
    # of several resources the one that seats the party says why; the largest if none does
    resource, reason = next((each for each in reasons if each[0].seats(need.guests)), reasons[-1])
    return why_not(resource, need, Verdict(0, reason))


def located(refusal: Refusal, claim: Claim, empty: Iterable[VenueId]) -> Refusal:
    """A venue that is there but has no resource has nothing free; it is not missing."""
    if isinstance(refusal, VenueNotFound) and claim.venue_id in set(empty):
        return SlotTaken(reason="capacity", remaining=0)
    return refusal


def picked_among(pending: Iterable[Pending]) -> set[ResourceId]:
    return {each.id for entry in pending if entry.by_venue for each in entry.options.resources if each.exclusive}


def lapsed(reservation: ReservationView, *, now: datetime) -> bool:
    return reservation.expires_at is not None and reservation.expires_at <= now


def repeats(claim: Claim, before: ReservationView) -> bool:
    """Whether the same was claimed before under this key; the hold's length may differ."""
    where = claim.resource_id == before.resource_id or claim.venue_id == before.venue.id
    what = (claim.start_at, claim.end_at, claim.quantity) == (before.start_at, before.end_at, before.quantity)
    return where and what


def late(entry: Pending | Refusal) -> bool:
    return isinstance(entry, NotBookable)


def granted_before(
    claim: Claim, mine: Mapping[tuple[UUID, int], ReservationView], *, now: datetime
) -> ReservationView | None:
    before = mine.get((claim.booking_id, claim.item))
    return before if before and repeats(claim, before) and not lapsed(before, now=now) else None


def lost(entry: Pending, outcome: Outcome) -> Refusal:
    resource, verdict = outcome.why.get(entry.options.id, (entry.options.resources[0], Verdict(0)))
    return why_not(resource, entry.options.need, verdict)


def view(entry: Pending, resource: Resource) -> ReservationView:
    claim = entry.claim
    return ReservationView(
        reservation_id=ReservationId(entry.options.id),
        booking_id=claim.booking_id,
        item=claim.item,
        resource_id=resource.id,
        venue=VenueSummary(id=resource.venue_id, type=resource.venue_type, name=resource.venue_name),
        supplier_id=resource.supplier_id,
        start_at=claim.start_at,
        end_at=claim.end_at,
        quantity=claim.quantity,
        units=resource.units(claim.quantity),
        status=ReservationStatus.COMMITTED if claim.expires_at is None else ReservationStatus.HELD,
        expires_at=claim.expires_at,
    )
