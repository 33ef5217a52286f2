"""What is secret in a message, sealed until it is sent (AES-256-GCM, bound to the message's id)."""

import json
import secrets
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12


class SealedWithAnother(RuntimeError):
    """The message's secrets were sealed with another HOLDFAST_SECRET than this process has."""


def sealed(data: dict[str, str], key: bytes, *, message_id: UUID) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, json.dumps(data).encode(), message_id.bytes)


def opened(box: bytes, key: bytes, *, message_id: UUID) -> dict[str, str]:
    """SealedWithAnother."""
    try:
        data = AESGCM(key).decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], message_id.bytes)
    except InvalidTag as error:
        raise SealedWithAnother(SealedWithAnother.__doc__) from error
    return {name: str(value) for name, value in json.loads(data).items()}
