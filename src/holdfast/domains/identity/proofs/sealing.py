"""Signing keys: made here, and sealed before they are stored (AES-256-GCM, bound to their key id)."""

import json
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from joserfc.jwk import ECKey

from holdfast.domains.identity.proofs.tokens import ALGORITHM, CURVE
from holdfast.kernel.ids import uuid7

NONCE_BYTES = 12


class SecretMismatch(RuntimeError):
    """The signing key was sealed with another HOLDFAST_SECRET than this process has."""


def new_signing_key() -> ECKey:
    return ECKey.generate_key(CURVE, {"kid": uuid7().hex, "use": "sig", "alg": ALGORITHM})


def public_jwk(key: ECKey) -> dict[str, str]:
    return {name: str(value) for name, value in key.as_dict(private=False).items()}


def sealed(key: ECKey, secret: bytes) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    private = json.dumps(key.as_dict(private=True)).encode()
    return nonce + AESGCM(secret).encrypt(nonce, private, str(key.kid).encode())


def opened(kid: str, box: bytes, secret: bytes) -> ECKey:
    """The private key, or SecretMismatch."""
    try:
        private = AESGCM(secret).decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], kid.encode())
    except InvalidTag as error:
        raise SecretMismatch(SecretMismatch.__doc__) from error
    return ECKey.import_key(json.loads(private))
