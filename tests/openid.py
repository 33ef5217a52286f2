"""A real OpenID provider (npm's oidc-provider) as a process of its own, with keys that the tests hold too."""

import base64
import hashlib
import json
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from tests.npm import installed

FOLDER = Path(__file__).parent / "oidc_provider"
CLIENT_ID, CLIENT_SECRET = "holdfast-tests", "a secret of the tests only, and a long one"
OTHER_CLIENT_ID = "somebody-else"
REDIRECT_URI = "https://app.example.org/signed-in"
VERIFIER = "v" * 64
NONCE = "nonce-of-this-sign-in"

Key = RSAKey | ECKey | OKPKey


def rsa_key(kid: str = "rsa-1") -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS256"})


@dataclass
class OpenIdServer:
    """Runs while the block lasts; can be stopped, which nobody who asks it survives without a cache."""

    keys: list[Key] = field(default_factory=lambda: [rsa_key()])
    port: int = 0

    def start(self) -> None:
        client = {
            "client_secret": CLIENT_SECRET,
            "redirect_uris": [REDIRECT_URI],
            "grant_types": ["authorization_code"],
        }
        clients = [{**client, "client_id": name} for name in (CLIENT_ID, OTHER_CLIENT_ID)]
        self.process = subprocess.Popen(
            ["node", "provider.mjs", json.dumps({"keys": self.private_keys(), "clients": clients})],
            cwd=installed(FOLDER, what="nothing is tested against a real OpenID provider"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.port = int(self.line())

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def discovery_url(self) -> str:
        return f"{self.issuer}/.well-known/openid-configuration"

    @property
    def jwks_url(self) -> str:
        return f"{self.issuer}/jwks"

    @cached_property
    def signer(self) -> Key:
        return self.keys[0]

    def account(self, sub: str, **claims: object) -> str:
        self.tell(account={"sub": sub, "email_verified": True, "name": "Ann Example", **claims})
        return sub

    def publish(self, *keys: Key) -> None:
        """Sign with the first of these from now on."""
        self.keys = list(keys)
        self.tell(keys=self.private_keys())

    def answer_with(self, id_token: str) -> None:
        """The next sign-in brings this token in place of the provider's own."""
        self.tell(id_token=id_token)

    def code(self, sub: str, *, client_id: str = CLIENT_ID, nonce: str | None = NONCE) -> str:
        """What the browser of this account would bring back."""
        asked = {
            "client_id": client_id,
            "redirect_uri": REDIRECT_URI,
            "response_type": "code",
            "scope": "openid email profile",
            "login_hint": sub,
            "code_challenge": s256(VERIFIER),
            "code_challenge_method": "S256",
            **({"nonce": nonce} if nonce else {}),
        }
        return self.followed(str(httpx.URL(f"{self.issuer}/auth", params=asked)))["code"][0]

    def followed(self, url: str) -> dict[str, list[str]]:
        """What the redirect to the application says, after every redirect within the provider."""
        with httpx.Client() as browser:
            for _ in range(10):
                answer = browser.get(url)
                assert answer.is_redirect, answer.text
                url = str(httpx.URL(url).join(answer.headers["location"]))
                if url.startswith(REDIRECT_URI):
                    return parse_qs(urlsplit(url).query)
        raise AssertionError("it never leads back")

    def id_token(self, sub: str, *, nonce: str | None = NONCE) -> str:
        """From the provider itself, for our client."""
        body = {
            "grant_type": "authorization_code",
            "code": self.code(sub, nonce=nonce),
            "redirect_uri": REDIRECT_URI,
            "code_verifier": VERIFIER,
        }
        answer = httpx.post(f"{self.issuer}/token", data=body, auth=(CLIENT_ID, CLIENT_SECRET))
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id_token"])

    def forged(self, sub: str, /, *, now: datetime, key: Key | None = None, **claims: object) -> str:
        """Signed with the provider's own key, unless another is given; claims given as None are left out."""
        signer = key or self.keys[0]
        said = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "sub": sub,
            "iat": int(now.timestamp()),
            "exp": int((now + timedelta(minutes=10)).timestamp()),
            "email": f"{secrets.token_hex(4)}@example.org",
            "email_verified": True,
            **claims,
        }
        algorithm = {"RSA": "RS256", "EC": "ES256", "OKP": "EdDSA"}[signer.key_type]
        kept = {name: value for name, value in said.items() if value is not None}
        header = {"alg": algorithm, "kid": signer.kid}
        return jwt.encode(header, kept, signer, registry=JWSRegistry(algorithms=[algorithm]))

    def private_keys(self) -> list[dict[str, Any]]:
        return [dict(key.as_dict(private=True)) for key in self.keys]

    def tell(self, **command: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        assert self.line() == "done"

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@contextmanager
def openid_server() -> Iterator[OpenIdServer]:
    server = OpenIdServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()


def s256(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
