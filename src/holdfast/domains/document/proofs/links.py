"""Links that download one file without signing in, until they expire. The instant is in what is signed."""

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

from itsdangerous import BadSignature, URLSafeSerializer

from holdfast.contracts.document import DocumentId, FileFormat
from holdfast.domains.document.exceptions import LinkExpired, LinkInvalid


@dataclass(frozen=True)
class Links:
    key: bytes

    def issue(self, document_id: DocumentId, form: FileFormat, *, expires_at: datetime) -> str:
        return str(self.signer.dumps([document_id.hex, str(form), int(expires_at.timestamp())]))

    def read(self, token: str, *, now: datetime) -> tuple[DocumentId, FileFormat]:
        """LinkInvalid, LinkExpired."""
        try:
            document_id, form, expires = self.signer.loads(token)
            found = DocumentId(UUID(hex=document_id)), FileFormat(form)
            expires_at = datetime.fromtimestamp(int(expires), UTC)
        except (BadSignature, ValueError, TypeError, AttributeError) as error:
            raise LinkInvalid from error
        if now >= expires_at:
            raise LinkExpired(expired_at=expires_at)
        return found

    @property
    def signer(self) -> URLSafeSerializer:
        return URLSafeSerializer(self.key, salt="document", signer_kwargs={"digest_method": sha256})
