"""Requests to Amazon's services, signed (Signature Version 4, as the AWS documentation lays it out)."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True)
class AwsKey:
    """Whose requests they are; temporary keys have a session token."""

    key_id: str
    secret: str
    session_token: str | None = None


def signed(
    method: str,
    path: str,
    *,
    headers: Mapping[str, str],
    body: bytes,
    region: str,
    service: str,
    key: AwsKey,
    now: datetime,
) -> dict[str, str]:
    """These headers, which name the host, with `x-amz-date` and `authorization` added. The path has no query."""
    moment = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    sent = {name.lower(): value.strip() for name, value in headers.items()} | {"x-amz-date": moment}
    if key.session_token is not None:
        sent["x-amz-security-token"] = key.session_token
    names = ";".join(sorted(sent))
    canonical = "\n".join(
        (
            method,
            path,
            "",
            *(f"{name}:{sent[name]}" for name in sorted(sent)),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        )
    )
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    to_sign = "\n".join((ALGORITHM, moment, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    signing_key = f"AWS4{key.secret}".encode()
    for part in scope.split("/"):
        signing_key = hmac.digest(signing_key, part.encode(), "sha256")
    signature = hmac.digest(signing_key, to_sign.encode(), "sha256").hex()
    credential = f"Credential={key.key_id}/{scope}"
    return {**sent, "authorization": f"{ALGORITHM} {credential}, SignedHeaders={names}, Signature={signature}"}
