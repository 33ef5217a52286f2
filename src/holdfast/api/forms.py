"""What a page's form sends: urlencoded, bounded, and from a page of ours.

A form of another site cannot be told from ours by `Origin`: with `Referrer-Policy: no-referrer` browsers send
`null` for our own. So every form repeats the random token of a cookie that other sites neither read nor set
(`__Host-` where we are reached by https), and a browser that says itself that another site sends is believed.
"""

import secrets
from hmac import compare_digest
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel, ValidationError

from holdfast.api.problems import InvalidRequest
from holdfast.kernel.errors import Forbidden, Refusal

URLENCODED = "application/x-www-form-urlencoded"
MAX_FIELDS = 20
TOKEN = "form_token"
TOKEN_BYTES = 24
TOKEN_LENGTH = 32  # of these bytes in base64
FOREIGN = frozenset({"cross-site", "same-site"})

WORDS = {
    "refresh_token": "You are not signed in.",
    "email": "This is not an e-mail address.",
    "full_name": "Enter a name of at most 200 characters.",
    "phone": "This is not a telephone number.",
    "password": "Enter a password of at most 256 characters.",
    "otp": "The code has six digits.",
    "token": "This link is not complete: open it again from our message.",
}

Read = TypeVar("Read", bound=BaseModel)


class FormRefused(Forbidden):
    """This form was open for too long, or was not ours: send it once more, with cookies allowed."""


class NotAForm(Refusal):
    """This takes what a form sends: `application/x-www-form-urlencoded`."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class FieldsWrong(Exception):
    """Which fields, each with a sentence."""

    def __init__(self, wrong: dict[str, str]) -> None:
        super().__init__(", ".join(wrong))
        self.wrong = wrong


def cookie_name(name: str, *, secure: bool) -> str:
    return f"__Host-{name}" if secure else f"holdfast_{name}"


def form_token(request: Request, *, secure: bool) -> str:
    """The one that this browser has, so that forms in two tabs both work; a new one where it has none."""
    kept = request.cookies.get(cookie_name(TOKEN, secure=secure), "")
    return kept if len(kept) == TOKEN_LENGTH and kept.isascii() else secrets.token_urlsafe(TOKEN_BYTES)


def remember(answer: Response, name: str, value: str, *, secure: bool, seconds: int | None = None) -> None:
    """A cookie that no script reads and no other site's form brings along."""
    answer.set_cookie(
        cookie_name(name, secure=secure), value, max_age=seconds, secure=secure, httponly=True, samesite="lax"
    )


def forget(answer: Response, name: str, *, secure: bool) -> None:
    answer.delete_cookie(cookie_name(name, secure=secure), secure=secure, httponly=True, samesite="lax")


async def sent(request: Request, *, secure: bool) -> dict[str, str]:
    """The form's fields without blank ones: NotAForm, FormRefused, InvalidRequest."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != URLENCODED:
        raise NotAForm
    if request.headers.get("sec-fetch-site") in FOREIGN:
        raise FormRefused
    try:
        pairs = parse_qsl(
            (await request.body()).decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError as error:  # UnicodeDecodeError is one
        raise InvalidRequest("these are not fields of a form") from error
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise InvalidRequest("a field comes twice")
    kept = request.cookies.get(cookie_name(TOKEN, secure=secure), "")
    if not kept or not compare_digest(kept.encode(), fields.pop(TOKEN, "").encode()):
        raise FormRefused
    return {name: value for name, value in fields.items() if value}


def read(model: type[Read], fields: dict[str, str]) -> Read:
    """The contract that this form fills in; FieldsWrong. What the model does not know is not looked at."""
    known = {name: value for name, value in fields.items() if name in model.model_fields}
    try:
        return model.model_validate(known)
    except ValidationError as error:
        wrong = {str(each["loc"][0]) for each in error.errors() if each["loc"]}
        raise FieldsWrong({name: WORDS[name] for name in wrong}) from error
