"""Keys for every use, derived from the one master secret (RFC 5869): none can stand for another."""

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

KEY_BYTES = 32


def derived_key(master: SecretStr, use: str) -> bytes:
    """32 bytes that only `use` has, such as "manage-token" or "otp"."""
    kdf = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=f"holdfast {use}".encode())
    return kdf.derive(master.get_secret_value().encode())
