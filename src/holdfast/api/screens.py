"""The pages that mailed links lead to: what stands on each, and how it is drawn.

    /register --> /verify-email <-- the mailed link         /forgot-password --> the mailed link
                       |                                                              |
                    /login --> /account --> /logout                            /reset-password

They run no script, load nothing and name no address: every link and form is relative, so they work behind any host
and path that a proxy puts before them, and whatever Host a caller claims.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from importlib.resources import files

from fastapi.responses import HTMLResponse
from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from holdfast.kernel.errors import Refusal

STYLE = files("holdfast.api").joinpath("pages/style.html").read_text(encoding="utf-8")
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True)
class Field:
    """One input with its label; `digits` are six."""

    name: str
    label: str
    type: str = "text"
    autocomplete: str = "off"
    hint: str | None = None
    required: bool = True
    digits: bool = False
    longest: int = 256


@dataclass(frozen=True)
class Screen:
    """A page: a form where it has a button. `second` is another button's target and label."""

    title: str
    lead: str = ""
    action: str = ""
    button: str = ""
    fields: tuple[Field, ...] = ()
    second: tuple[str, str] | None = None
    links: tuple[tuple[str, str], ...] = ()


EMAIL = Field("email", "E-mail address", "email", "username", longest=254)
NEW_PASSWORD = Field(
    "password",
    "Password",
    "password",
    "new-password",
    hint="At least 10 characters, with upper and lower case, a digit and a special character.",
)
CODE = Field("otp", "Code", autocomplete="one-time-code", digits=True, hint="Six digits, from our message.")
SIGN_IN, SIGN_UP = ("login", "Sign in"), ("register", "Open an account")
FORGOTTEN = ("forgot-password", "Forgotten your password?")

REGISTER = Screen(
    "Open an account",
    action="register",
    button="Open the account",
    fields=(
        Field("full_name", "Name", autocomplete="name", longest=200),
        EMAIL,
        Field("phone", "Phone", "tel", "tel", required=False, longest=32),
        NEW_PASSWORD,
    ),
    links=(("login", "You have an account? Sign in"),),
)
ENTER_CODE = Screen(
    "Confirm your address",
    "We have sent you a message with a link and a code. Open the link, or enter the code here.",
    action="verify-email",
    button="Confirm",
    fields=(EMAIL, CODE),
    second=("resend-code", "Send a new code"),
    links=(SIGN_IN,),
)
FOLLOWED_LINK = Screen(
    "Confirm your address",
    "One press, and your address is confirmed.",
    action="verify-email",
    button="Confirm my address",
    links=(("verify-email", "Enter a code instead"),),
)
CONFIRMED = Screen("Your address is confirmed", "You can sign in now.", links=(SIGN_IN,))
LOGIN = Screen(
    "Sign in",
    action="login",
    button="Sign in",
    fields=(EMAIL, Field("password", "Password", "password", "current-password")),
    links=(FORGOTTEN, SIGN_UP),
)
ACCOUNT = Screen("You are signed in", action="logout", button="Sign out")
FORGOT = Screen(
    "Forgotten your password?",
    "We send you a link to set a new one.",
    action="forgot-password",
    button="Send the link",
    fields=(EMAIL,),
    links=(SIGN_IN,),
)
LINK_SENT = Screen(
    "Look into your mailbox",
    "If there is an account with this address, a link to set a new password is on its way. It works for an hour, "
    "once.",
    links=(SIGN_IN,),
)
RESET = Screen(
    "Set a new password",
    "You will be signed out wherever you are signed in now.",
    action="reset-password",
    button="Set the password",
    fields=(NEW_PASSWORD,),
)
CHANGED = Screen("Your password is changed", "Sign in with the new one.", links=(SIGN_IN,))
REFUSED = Screen("This did not work", links=(SIGN_IN, FORGOTTEN))


@dataclass(frozen=True)
class Filled:
    """What one answer shows on a screen, beside what always stands there."""

    notice: str = ""
    tone: str = ""
    typed: Mapping[str, str] = field(default_factory=dict)
    wrong: Mapping[str, str] = field(default_factory=dict)
    hidden: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)


BLANK = Filled()


@cache
def environment() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=PackageLoader("holdfast.api", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def shown(
    screen: Screen, filled: Filled = BLANK, *, brand: str, form_token: str = "", status: int = HTTPStatus.OK
) -> HTMLResponse:
    """The page."""
    content = (
        environment()
        .get_template("screen.html")
        .render(
            {**vars(filled), "screen": screen, "brand": brand, "form_token": form_token, "style": Markup(STYLE)}
        )
    )
    return HTMLResponse(content, int(status), headers=HEADERS)


def told(refusal: Refusal, *, brand: str) -> HTMLResponse:
    """A refusal on a page of its own."""
    filled = Filled(notice=sentence(refusal), tone="bad")
    return waiting(shown(REFUSED, filled, brand=brand, status=refusal.status), refusal)


def waiting(answer: HTMLResponse, refusal: Refusal) -> HTMLResponse:
    """With the time to come back, where the refusal names one."""
    if refusal.retry_after is not None:
        answer.headers["Retry-After"] = str(refusal.retry_after)
    return answer


def sentence(refusal: Refusal) -> str:
    """What the refusal says, and what it says besides."""
    title = refusal.title()
    return f"{title}: {refusal.detail}." if refusal.detail else f"{title}."
