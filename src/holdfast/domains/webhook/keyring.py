"""Endpoints' secrets as they are kept: sealed with AES-256-GCM, each bound to its endpoint."""

import secrets
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from holdfast.domains.webhook.exceptions import SecretMismatch

NONCE_BYTES = 12


class Keyring:
    def __init__(self, key: bytes) -> None:
        """`key`: 32 bytes that nothing else is sealed with."""
        self.cipher = AESGCM(key)

    def sealed(self, endpoint_id: UUID, secret: str) -> bytes:
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self.cipher.encrypt(nonce, secret.encode(), endpoint_id.bytes)

    def opened(self, endpoint_id: UUID, box: bytes) -> str:
        """The secret, or SecretMismatch."""
        try:
            return self.cipher.decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], endpoint_id.bytes).decode()
        except InvalidTag as error:
            raise SecretMismatch(SecretMismatch.__doc__) from error
