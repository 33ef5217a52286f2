"""The words of messages, for staff: every version is kept, and tried before it is."""

from fastapi import APIRouter

from holdfast.api.dependencies import HouseActor, Now, Session, WiringDep
from holdfast.api.problems import documents
from holdfast.contracts.identity import LanguageTag
from holdfast.contracts.notification import (
    Channel,
    PreviewView,
    Template,
    TemplateActivation,
    TemplateDraft,
    TemplatePreview,
    TemplatesView,
    TemplateView,
)
from holdfast.domains.notification.exceptions import (
    TemplateBroken,
    TemplateChanged,
    TemplateNotFound,
    TemplatesAreForStaff,
)

router = APIRouter(prefix="/api/v1/admin/templates", tags=["notification"])

ONE = "/{template}/{language}/{channel}"


@router.get("", responses=documents(TemplatesAreForStaff))
async def list_templates(wired: WiringDep, db: Session, actor: HouseActor) -> TemplatesView:
    """What is in use, by template, language and channel: the house's own versions, and the shipped ones."""
    return await wired.templates(db).list_templates(actor=actor)


@router.get(ONE, responses=documents(TemplatesAreForStaff, TemplateNotFound))
async def get_template(
    template: Template, language: LanguageTag, channel: Channel, wired: WiringDep, db: Session, actor: HouseActor
) -> TemplateView:
    """The version in use, with its words; `fills` names what they may say."""
    return await wired.templates(db).get(template, language, channel, actor=actor)


@router.get(ONE + "/versions", responses=documents(TemplatesAreForStaff, TemplateNotFound))
async def list_template_versions(
    template: Template, language: LanguageTag, channel: Channel, wired: WiringDep, db: Session, actor: HouseActor
) -> TemplatesView:
    """Every version there was, newest first; version 1 is the shipped one."""
    return await wired.templates(db).list_versions(template, language, channel, actor=actor)


@router.put(ONE, responses=documents(TemplatesAreForStaff, TemplateNotFound, TemplateBroken, TemplateChanged))
async def save_template(
    template: Template,
    language: LanguageTag,
    channel: Channel,
    draft: TemplateDraft,
    wired: WiringDep,
    db: Session,
    now: Now,
    actor: HouseActor,
) -> TemplateView:
    """Keep a new version and use it from now on, in any language. One that cannot be used is refused, and why."""
    return await wired.templates(db).save(template, language, channel, draft, now=now, actor=actor)


@router.post(
    ONE + "/activate",
    responses=documents(TemplatesAreForStaff, TemplateNotFound, TemplateBroken, TemplateChanged),
)
async def activate_template(
    template: Template,
    language: LanguageTag,
    channel: Channel,
    activation: TemplateActivation,
    wired: WiringDep,
    db: Session,
    now: Now,
    actor: HouseActor,
) -> TemplateView:
    """Use an older version again; messages that wait are written with it."""
    return await wired.templates(db).activate(template, language, channel, activation, now=now, actor=actor)


@router.post(ONE + "/preview", responses=documents(TemplatesAreForStaff, TemplateNotFound, TemplateBroken))
async def preview_template(
    template: Template,
    language: LanguageTag,
    channel: Channel,
    preview: TemplatePreview,
    wired: WiringDep,
    db: Session,
    actor: HouseActor,
) -> PreviewView:
    """What it would say, with sample values for those that are not given. Nothing is kept, and nothing is sent."""
    return await wired.templates(db).preview(template, language, channel, preview, actor=actor)
