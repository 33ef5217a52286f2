"""People who sign up and in, and the mail they get."""

import re
from dataclasses import dataclass, field
from datetime import datetime

from holdfast.contracts.identity import Credentials, OtpCheck, Registration, TokensView, UserView
from holdfast.contracts.notification import MessageDraft, Template
from holdfast.domains.identity.services import IdentityService

EMAIL, PASSWORD, OTHER_PASSWORD = "ann@example.org", "Quiet-Harbour-77", "Brisk.Lantern.42"


@dataclass
class Postbox:
    """Keeps what would be queued; a message of a transaction that fails is kept too, so count with care."""

    drafts: list[MessageDraft] = field(default_factory=list)

    async def queue(self, draft: MessageDraft, *, now: datetime) -> None:
        self.drafts.append(draft)

    @property
    def last(self) -> MessageDraft:
        return self.drafts[-1]

    @property
    def templates(self) -> list[Template]:
        return [draft.template for draft in self.drafts]

    @property
    def otp(self) -> str:
        return self.last.secrets["otp"]

    @property
    def token(self) -> str:
        """Of the link in the last message."""
        found = re.search(r"token=([A-Za-z0-9_.-]+)$", self.last.secrets["link"])
        assert found is not None
        return found[1]


def registration(email: str = EMAIL, password: str = PASSWORD) -> Registration:
    return Registration(email=email, password=password, full_name="Ann Example")


def credentials(email: str = EMAIL, password: str = PASSWORD) -> Credentials:
    return Credentials(email=email, password=password)


async def member(identity: IdentityService, post: Postbox, *, now: datetime, email: str = EMAIL) -> UserView:
    """An account whose address is proven."""
    user = await identity.register(registration(email), now=now)
    await identity.verify_otp(OtpCheck(email=email, otp=post.otp), now=now)
    return user


async def signed_in(identity: IdentityService, post: Postbox, *, now: datetime, email: str = EMAIL) -> TokensView:
    await member(identity, post, now=now, email=email)
    return await identity.login(credentials(email), now=now)


def wrong(otp: str) -> str:
    """Another code."""
    return f"{(int(otp) + 1) % 1_000_000:06}"
