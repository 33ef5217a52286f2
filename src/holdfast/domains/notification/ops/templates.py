"""What staff does with templates: look, save a new version, take an older one again, see what it would say."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import Actor
from holdfast.contracts.notification import (
    PreviewView,
    Template,
    TemplateDraft,
    TemplateInfo,
    TemplatePreview,
    TemplatesView,
    TemplateView,
)
from holdfast.domains.notification.exceptions import (
    VIOLATIONS,
    MessageIncomplete,
    TemplateBroken,
    TemplateNotFound,
    TemplatesAreForStaff,
)
from holdfast.domains.notification.kinds import KINDS
from holdfast.domains.notification.letters import (
    SHIPPED,
    Letterhead,
    Script,
    script_for,
    shipped,
    shipped_languages,
    spoken,
)
from holdfast.domains.notification.queries import templates
from holdfast.domains.notification.queries.templates import Place, Saved
from holdfast.domains.notification.scripts import broken, check
from holdfast.kernel.audit import Act, attest
from holdfast.kernel.database import transaction


class ListTemplates:
    """Every script in use, the house's own and the shipped ones. TemplatesAreForStaff."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, *, actor: Actor) -> TemplatesView:
        require_house(actor)
        used = {
            saved.place: info(saved.place, saved.script, saved) for saved in await templates.all_in_use(self.db)
        }
        for template in Template:
            for channel in KINDS[template].channels:
                for language in shipped_languages():
                    place, script = Place(template, language, channel), shipped(template, language, channel)
                    if script is not None:
                        used.setdefault(place, info(place, script, None))
        return TemplatesView(items=[used[place] for place in sorted(used, key=str)])


class GetTemplate:
    """The script in use. TemplatesAreForStaff; TemplateNotFound, which says what messages fall back to."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, place: Place, *, actor: Actor) -> TemplateView:
        require_house(actor)
        require_way(place)
        saved = next((each for each in await templates.versions_of(self.db, place) if each.active), None)
        return shown(place, saved)


class ListVersions:
    """All there were, newest first, the shipped one last. TemplatesAreForStaff, TemplateNotFound."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, place: Place, *, actor: Actor) -> TemplatesView:
        require_house(actor)
        require_way(place)
        own = await templates.versions_of(self.db, place)
        items = [info(place, saved.script, saved) for saved in own]
        first = shipped(place.template, place.language, place.channel)
        if first is not None:
            used = not any(saved.active for saved in own)
            items.append(info(place, first, None).model_copy(update={"active": used}))
        return TemplatesView(items=items)


class SaveTemplate:
    """Keep a new version and use it from now on. TemplatesAreForStaff, TemplateNotFound, TemplateBroken,
    TemplateChanged."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, place: Place, draft: TemplateDraft, *, now: datetime, actor: Actor) -> TemplateView:
        require_house(actor)
        require_way(place)
        words = Script(place.language, SHIPPED, draft.text, draft.subject, draft.html)
        check(words, place.template, place.channel)
        async with transaction(self.db, VIOLATIONS):
            script = replace(words, version=await templates.next_version(self.db, place))
            before = await in_use(self.db, place)
            await templates.switch(self.db, place, version=SHIPPED)
            await templates.insert_version(self.db, place, script, created_by=actor.id, now=now)
            attest(self.db, act("template.saved", place, actor, before=before, after=script.version), now=now)
        return shown(place, Saved(place, script, active=True, created_at=now, created_by=actor.id))


class ActivateTemplate:
    """Use another version from now on; 1 is the shipped one, where there is none what the language falls back to.

    TemplatesAreForStaff, TemplateNotFound, TemplateChanged; TemplateBroken for a version that what fills the
    template has since left behind.
    """

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, place: Place, *, version: int, now: datetime, actor: Actor) -> TemplateView:
        require_house(actor)
        require_way(place)
        async with transaction(self.db, VIOLATIONS):
            own = {saved.script.version: saved for saved in await templates.versions_of(self.db, place)}
            if version != SHIPPED and version not in own:
                raise TemplateNotFound(f"there is no version {version}")
            if version in own:
                check(own[version].script, place.template, place.channel)
            before = await in_use(self.db, place)
            await templates.switch(self.db, place, version=version)
            attest(self.db, act("template.activated", place, actor, before=before, after=version), now=now)
        return shown(place, replace(own[version], active=True) if version in own else None, or_fallback=True)


class PreviewTemplate:
    """What a template would say, filled with the sample; nothing is kept and nothing is sent.

    TemplatesAreForStaff, TemplateNotFound, TemplateBroken.
    """

    def __init__(self, db: AsyncSession, letterhead: Letterhead) -> None:
        self.db = db
        self.letterhead = letterhead

    async def execute(self, place: Place, preview: TemplatePreview, *, actor: Actor) -> PreviewView:
        require_house(actor)
        require_way(place)
        kind = KINDS[place.template]
        if unknown := sorted(set(preview.values) - set(kind.sample)):
            raise TemplateBroken(f"there is no {unknown[0]} to fill in", pointer="/values")
        stored = (await templates.scripts_in_use(self.db, place.channel, [place.template]))[place.template]
        used = script_for(place.template, place.channel, language=place.language, stored=stored)
        if used is None:
            raise TemplateNotFound
        said = {part: value for part, value in preview.model_dump(exclude={"values"}).items() if value is not None}
        script = replace(used, language=place.language, **said) if said else used
        check(script, place.template, place.channel)
        try:
            words = spoken(
                script, place.template, values={**kind.sample, **preview.values}, letterhead=self.letterhead
            )
        except MessageIncomplete as error:
            raise broken("text", None, str(error.detail)) from error
        return PreviewView(
            language=words.language,
            subject=words.subject if script.subject is not None else None,
            text=words.text,
            html=words.html if script.html is not None else None,
        )


def require_house(actor: Actor) -> None:
    if not actor.is_house:
        raise TemplatesAreForStaff


def require_way(place: Place) -> None:
    if place.channel not in KINDS[place.template].channels:
        raise TemplateNotFound(f"{place.template} does not go by {place.channel}")


async def in_use(db: AsyncSession, place: Place) -> int:
    versions = await templates.versions_of(db, place)
    return next((saved.script.version for saved in versions if saved.active), SHIPPED)


def info(place: Place, script: Script, saved: Saved | None) -> TemplateInfo:
    kind = KINDS[place.template]
    return TemplateInfo(
        template=place.template,
        language=script.language,
        channel=place.channel,
        category=kind.category,
        version=script.version,
        active=saved is None or saved.active,
        fills=sorted(kind.sample),
        created_at=saved.created_at if saved else None,
        created_by=saved.created_by if saved else None,
    )


def shown(place: Place, saved: Saved | None, *, or_fallback: bool = False) -> TemplateView:
    script = saved.script if saved else shipped(place.template, place.language, place.channel)
    nearest = script_for(place.template, place.channel, language=place.language)
    if script is None and or_fallback:
        script = nearest
    if script is None:
        raise TemplateNotFound(f"messages fall back to {nearest.language}" if nearest else None)
    parts = {"subject": script.subject, "text": script.text, "html": script.html}
    return TemplateView(**info(place, script, saved).model_dump(), **parts)


def act(action: str, place: Place, actor: Actor, *, before: int, after: int) -> Act:
    where = {"template": place.template.value, "language": place.language, "channel": place.channel.value}
    return Act(
        action=action,
        actor_type=actor.type,
        actor_id=actor.id,
        subject_type="template",
        subject_id=None,
        before={**where, "version": before},
        after={**where, "version": after},
    )
