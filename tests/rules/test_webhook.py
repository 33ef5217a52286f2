"""Signatures as others make them, addresses that nobody may be sent to, and the waits between tries."""

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from holdfast.contracts.identity import Role
from holdfast.domains.webhook.exceptions import SecretMismatch, TargetRefused
from holdfast.domains.webhook.keyring import Keyring
from holdfast.domains.webhook.rules import retries
from holdfast.domains.webhook.rules.audience import Audience, audience_of_roles
from holdfast.domains.webhook.rules.signing import headers, message, new_secret, signature
from holdfast.domains.webhook.rules.targets import TargetRules
from holdfast.kernel.ids import uuid7

STRICT = TargetRules()

# the scheme's published example
VECTOR_SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
VECTOR_ID, VECTOR_AT, VECTOR_BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, '{"test": 2432232314}'
VECTOR_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_published_example_is_signed_as_published() -> None:
    made = signature(VECTOR_SECRET, VECTOR_ID, timestamp=VECTOR_AT, body=VECTOR_BODY)
    assert made == VECTOR_SIGNATURE
    for other in (
        signature(VECTOR_SECRET, VECTOR_ID, timestamp=VECTOR_AT + 1, body=VECTOR_BODY),
        signature(VECTOR_SECRET, VECTOR_ID, timestamp=VECTOR_AT, body=VECTOR_BODY + " "),
        signature(VECTOR_SECRET, VECTOR_ID + "x", timestamp=VECTOR_AT, body=VECTOR_BODY),
        signature(new_secret(), VECTOR_ID, timestamp=VECTOR_AT, body=VECTOR_BODY),
    ):
        assert other != VECTOR_SIGNATURE


def test_the_schemes_own_library_takes_either_secret_of_a_rotation() -> None:
    old, new, other = new_secret(), new_secret(), new_secret()
    body = message("booking.confirmed", datetime(2030, 1, 7, 8, tzinfo=UTC), {"name": "Zoë ☂"})
    signed = headers([new, old], uuid7(), body=body, now=datetime.now(UTC))
    for secret in (old, new):
        told = Webhook(secret).verify(body, signed)
        assert told["timestamp"] == "2030-01-07T08:00:00Z"
        assert told["data"] == {"name": "Zoë ☂"}
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(other).verify(body, signed)


def samples(language: str) -> list[str]:
    """The fenced blocks of docs/webhooks.md in this language."""
    page = Path(__file__).parents[2] / "docs" / "webhooks.md"
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.M | re.S)


def signed_now() -> tuple[str, dict[str, str], str]:
    secret, body = new_secret(), message("booking.confirmed", datetime(2030, 1, 7, 8, tzinfo=UTC), {"name": "Zoë"})
    return secret, headers([new_secret(), secret], uuid7(), body=body, now=datetime.now(UTC)), body


def test_the_documented_python_verifies_our_messages_and_no_others() -> None:
    (sample,) = [each for each in samples("python") if "def verified" in each]
    names: dict[str, Any] = {}
    exec(sample, names)
    verified, (secret, signed, body) = names["verified"], signed_now()
    assert verified(secret, signed, body.encode())
    assert not verified(secret, signed, body.encode() + b" ")
    assert not verified(new_secret(), signed, body.encode())
    assert not verified(secret, {**signed, "webhook-timestamp": "1614265330"}, body.encode())


def test_the_documented_javascript_does_too() -> None:
    if shutil.which("node") is None:
        pytest.skip("node is not installed: the page's JavaScript is not tested")
    (sample,) = [each for each in samples("js") if "function verified" in each]
    secret, signed, body = signed_now()
    stale = {**signed, "webhook-timestamp": "1614265330"}
    asked = [
        [secret, signed, body],
        [secret, signed, body + " "],
        [new_secret(), signed, body],
        [secret, stale, body],
    ]
    ask = f"console.log(JSON.stringify({json.dumps(asked)}.map((each) => verified(...each))))"
    command = ["node", "--input-type=module", "--eval", sample + ask]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [True, False, False, False]


def test_a_sealed_secret_opens_for_its_own_endpoint_and_key_alone() -> None:
    mine, others, ring = uuid7(), uuid7(), Keyring(bytes(32))
    box = ring.sealed(mine, "whsec_a")
    assert b"whsec_a" not in box
    assert ring.opened(mine, box) == "whsec_a"
    with pytest.raises(SecretMismatch):
        ring.opened(others, box)
    with pytest.raises(SecretMismatch):
        Keyring(b"1" * 32).opened(mine, box)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.5.5", "192.168.1.1", "169.254.169.254"),
        *("100.64.0.1", "100.100.100.200", "192.0.0.192", "168.63.129.16", "198.18.0.1", "203.0.113.9"),
        *("224.0.0.1", "224.0.1.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "192.88.99.1"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "ff0e::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "2001:db8::1"),
        *("64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::1", "2001::1", "3fff::1", "100::1", "5f00::1"),
    ],
)
def test_no_address_of_a_network_that_is_not_the_internet(address: str) -> None:
    assert not STRICT.allows(ip_address(address), 443)
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(TargetRefused):
        STRICT.check(f"https://{host}/")


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_at_the_listed_ports(address: str) -> None:
    assert STRICT.allows(ip_address(address), 443)
    assert STRICT.allows(ip_address(address), 8443)
    assert not STRICT.allows(ip_address(address), 22)


def test_a_network_that_is_named_is_allowed_at_any_port_and_no_other() -> None:
    rules = TargetRules(networks=[ip_network("127.0.0.0/8")])
    assert rules.allows(ip_address("127.0.0.1"), 3000)
    assert rules.allows(ip_address("::ffff:127.0.0.1"), 3000)
    assert not rules.allows(ip_address("10.0.0.1"), 443)
    assert not rules.allows(ip_address("8.8.8.8"), 3000)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://example.org/",
            "ftp://example.org/",
            "//example.org/",
            "example.org",
            "",
            "https://",
            "https:///x",
        ),
        *("https://user:secret@example.org/", "https://user@example.org/", "https://@example.org/"),
        *(
            "https://example.org:22/",
            "https://example.org:99999/",
            "https://example.org:x/",
            "https://example.org/#f",
        ),
        *(
            "https://bücher.example/",
            "https://example.org/a b",
            "https://exa\nmple.org/",
            "https://[::1/",
            "https://[x]/",
        ),
        *(
            "https://127.0.0.1\\@example.org/",
            "file:///etc/passwd",
            "gopher://example.org/",
            "javascript:alert(1)",
        ),
    ],
)
def test_a_url_that_cannot_be_meant_is_refused(url: str) -> None:
    with pytest.raises(TargetRefused) as refused:
        STRICT.check(url)
    assert refused.value.pointer == "/url"


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org",
        "https://example.org:8443/a?b=c",
        "https://8.8.8.8/",
        "https://xn--bcher-kva.example/%C3%BC",
    ],
)
def test_a_plain_url_is_taken(url: str) -> None:
    STRICT.check(url)


def test_ten_tries_in_three_days() -> None:
    waits = [retries.pause(attempts, chance=0.5) for attempts in range(1, retries.MAX_ATTEMPTS)]
    assert waits == list(retries.PAUSES)
    assert timedelta(days=3) < sum(waits, timedelta()) < timedelta(days=3, hours=6)
    assert retries.pause(1, chance=0) < retries.pause(1, chance=1)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        ("86401", 86_400),
        ("9" * 1_000, 86_400),
        ("9" * 100_000, 0),
        ("Mon, 07 Jan 2030 08:02:00 GMT", 120),
        ("Monday, 07-Jan-30 08:02:00 GMT", 120),
        ("Mon Jan  7 08:02:00 2030", 120),
        ("Mon, 07 Jan 2030 07:59:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
        ("Mon, 07 Jan 2030 25:61:61 GMT", 0),
        ("Mon, 07 Jan 2030 08:02:00 +0900", 0),
        ("-1", 0),
        ("1.5", 0),
        ("1_000", 0),
        ("²", 0),
        ("٣", 0),
        ("soon", 0),
        ("", 0),
    ],
)
def test_what_an_endpoint_asks_for_is_a_day_at_most(said: str, seconds: int) -> None:
    now = datetime(2030, 1, 7, 8, tzinfo=UTC)
    for status in (429, 503):
        assert retries.asked_pause(status, said, now=now) == timedelta(seconds=seconds)
    for other in (None, 301, 500):
        assert retries.asked_pause(other, said, now=now) == timedelta(0)
    assert retries.asked_pause(429, None, now=now) == timedelta(0)


@pytest.mark.parametrize(
    ("roles", "audience"),
    [
        ([Role.CUSTOMER], None),
        ([Role.CUSTOMER, Role.SUPPLIER], Audience.SUPPLIER),
        ([Role.SUPPLIER, Role.STAFF], Audience.HOUSE),
        ([Role.ADMIN], Audience.HOUSE),
    ],
)
def test_what_a_role_hears(roles: list[Role], audience: Audience | None) -> None:
    assert audience_of_roles(roles) is audience
