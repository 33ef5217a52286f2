"""The messages of this domain: what each is filled with, and where its links lead."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.notification import MessageDraft, Template
from holdfast.domains.identity.ports import Messages
from holdfast.domains.identity.proofs.digests import new_code
from holdfast.domains.identity.proofs.links import Purpose
from holdfast.domains.identity.queries import people, proofs
from holdfast.domains.identity.records import UserRecord
from holdfast.domains.identity.rules.limits import CODE_TTL
from holdfast.domains.identity.vault import Vault

VALID_MINUTES = {Purpose.VERIFY: "10", Purpose.RESET: "60"}


class Post:
    """Queues them in the running transaction."""

    def __init__(self, db: AsyncSession, messages: Messages, vault: Vault) -> None:
        self.db = db
        self.messages = messages
        self.vault = vault

    async def verify_address(self, user: UserRecord, *, registered: bool = False, now: datetime) -> None:
        """A fresh code, the only one from now on, and a link; `registered` just now, the code is not untried."""
        code = new_code()
        address, code_hash = self.vault.digests.address(user.email), self.vault.digests.code(user.email, code)
        ends = now + CODE_TTL
        if registered:
            await proofs.register_code(
                self.db, address, user_id=user.id, code_hash=code_hash, now=now, expires_at=ends
            )
        else:
            await proofs.put_code(self.db, address, user_id=user.id, code_hash=code_hash, expires_at=ends)
        link = self.link(Purpose.VERIFY, self.vault.links.issue(Purpose.VERIFY, user.id, now=now))
        values = {"valid_minutes": VALID_MINUTES[Purpose.VERIFY]}
        await self.send(user, Template.VERIFY_ADDRESS, values, {"otp": code, "link": link}, now=now)

    async def address_known(self, user: UserRecord, *, now: datetime) -> None:
        base = self.vault.public_url
        urls = {"login_url": f"{base}/login", "reset_url": f"{base}/forgot-password"}
        await self.send(user, Template.ADDRESS_KNOWN, urls, now=now)

    async def reset_password(self, user: UserRecord, *, version: int, now: datetime) -> None:
        token = self.vault.links.issue(Purpose.RESET, user.id, version=version, now=now)
        values = {"valid_minutes": VALID_MINUTES[Purpose.RESET]}
        secrets = {"link": self.link(Purpose.RESET, token)}
        await self.send(user, Template.RESET_PASSWORD, values, secrets, now=now)

    async def password_changed(self, user: UserRecord, *, now: datetime) -> None:
        values = {"changed_at": f"{now:%Y-%m-%d, %H:%M} UTC"}
        await self.send(user, Template.PASSWORD_CHANGED, values, now=now)

    async def account_banned(self, user: UserRecord, reason: str, *, now: datetime) -> None:
        await self.send(user, Template.ACCOUNT_BANNED, {"reason": reason}, now=now)

    async def send(
        self,
        user: UserRecord,
        template: Template,
        values: dict[str, str],
        secrets: dict[str, str] | None = None,
        *,
        now: datetime,
    ) -> None:
        said = await people.preferences_of(self.db, user.id)
        draft = MessageDraft(
            to=user.email,
            to_name=user.full_name,
            template=template,
            values={**values},
            secrets=secrets or {},
            user_id=user.id,
            language=said.language if "language" in said.model_fields_set else None,
        )
        await self.messages.queue(draft, now=now)

    def link(self, purpose: Purpose, token: str) -> str:
        page = {Purpose.VERIFY: "verify-email", Purpose.RESET: "reset-password"}[purpose]
        return f"{self.vault.public_url}/{page}?token={token}"
