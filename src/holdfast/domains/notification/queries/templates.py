"""The house's own versions of templates."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, RowMapping, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import UserId
from holdfast.contracts.notification import Channel, Template
from holdfast.domains.notification.letters import SHIPPED, Script
from holdfast.domains.notification.models import templates


@dataclass(frozen=True)
class Place:
    """Whose versions are counted together; the language in lower case."""

    template: Template
    language: str
    channel: Channel


@dataclass(frozen=True)
class Saved:
    """A version as it was saved."""

    place: Place
    script: Script
    active: bool
    created_at: datetime
    created_by: UserId | None


async def scripts_in_use(
    db: AsyncSession, channel: Channel, named: Collection[Template]
) -> Mapping[Template, Sequence[Script]]:
    """The house's own scripts of these templates, in every language it has."""
    found: dict[Template, list[Script]] = defaultdict(list)
    if not named:
        return found
    chosen = select(templates).where(
        templates.c.template.in_(sorted(named)), templates.c.channel == channel, templates.c.active
    )
    for row in (await db.execute(chosen)).mappings():
        found[Template(row["template"])].append(saved(row).script)
    return found


async def all_in_use(db: AsyncSession) -> list[Saved]:
    rows = await db.execute(select(templates).where(templates.c.active))
    return [saved(row) for row in rows.mappings()]


async def versions_of(db: AsyncSession, place: Place) -> list[Saved]:
    """Newest first."""
    rows = await db.execute(select(templates).where(*at(place)).order_by(templates.c.version.desc()))
    return [saved(row) for row in rows.mappings()]


async def next_version(db: AsyncSession, place: Place) -> int:
    latest = await db.scalar(select(func.max(templates.c.version)).where(*at(place)))
    return (latest or SHIPPED) + 1


async def insert_version(
    db: AsyncSession, place: Place, script: Script, *, created_by: UserId | None, now: datetime
) -> None:
    await db.execute(
        insert(templates).values(
            template=place.template,
            language=place.language,
            channel=place.channel,
            version=script.version,
            subject=script.subject,
            text=script.text,
            html=script.html,
            active=True,
            created_at=now,
            created_by=created_by,
        )
    )


async def switch(db: AsyncSession, place: Place, *, version: int) -> None:
    """This version is in use from now on; where it is none of the house's own, the shipped one."""
    await db.execute(update(templates).where(*at(place), templates.c.active).values(active=False))
    await db.execute(update(templates).where(*at(place), templates.c.version == version).values(active=True))


def at(place: Place) -> tuple[ColumnElement[bool], ...]:
    return (
        templates.c.template == place.template,
        templates.c.language == place.language,
        templates.c.channel == place.channel,
    )


def saved(row: RowMapping) -> Saved:
    return Saved(
        place=Place(Template(row["template"]), row["language"], Channel(row["channel"])),
        script=Script(
            language=row["language"],
            version=row["version"],
            subject=row["subject"],
            text=row["text"],
            html=row["html"],
        ),
        active=row["active"],
        created_at=row["created_at"],
        created_by=row["created_by"],
    )
