"""The base installation, without the packages that Stripe and Razorpay are asked through."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.server import HOLDFAST, environment

# as if they were not installed, for every Python that is started there
WITHOUT = 'import sys\nsys.modules["stripe"] = sys.modules["razorpay"] = None\n'
KEYS = {
    "stripe": {"HOLDFAST_STRIPE_SECRET_KEY": "sk_of_the_tests"},
    "razorpay": {"HOLDFAST_RAZORPAY_KEY_ID": "key", "HOLDFAST_RAZORPAY_KEY_SECRET": "secret"},
}
HEARS = """
import asyncio, hmac
from datetime import UTC, datetime
from hashlib import sha256
from pydantic import SecretStr
from holdfast.gateways.payments.registry import providers
from holdfast.gateways.payments.signatures import timestamped
from holdfast.gateways.payments.terms import WebhookTerms

now, secret = datetime.now(UTC), SecretStr("of the tests")
terms = WebhookTerms(stripe=secret, razorpay=secret)
every = providers(sandbox=None, stripe=None, razorpay=None, paypal=None, webhooks=terms, patience=1)
body = b'{"id": "evt_1", "type": "payout.paid", "event": "x", "data": {"object": {}}, "payload": {}}'
stripe = {"stripe-signature": timestamped(b"of the tests", body, now=now)}
razorpay = {"x-razorpay-signature": hmac.new(b"of the tests", body, sha256).hexdigest()}
for name, headers in (("stripe", stripe), ("razorpay", razorpay)):
    print(name, asyncio.run(every[name].notice(headers, body, now=now)).type)
"""


def run(folder: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    (folder / "sitecustomize.py").write_text(WITHOUT)
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        command,
        env={**environment(folder / "data"), "PYTHONPATH": path, **variables},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_webhooks_are_heard_without_the_packages(tmp_path: Path) -> None:
    done = run(tmp_path, sys.executable, "-c", HEARS)
    assert (done.returncode, done.stdout) == (0, "stripe payout.paid\nrazorpay x\n"), done.stderr


@pytest.mark.parametrize("provider", ["stripe", "razorpay"])
@pytest.mark.parametrize("command", ["serve", "worker"])
def test_nothing_starts_with_keys_and_without_the_package(tmp_path: Path, command: str, provider: str) -> None:
    done = run(tmp_path, str(HOLDFAST), command, **KEYS[provider])
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert f"keys of {provider} are set without the package: pip install 'holdfast[{provider}]'" in done.stderr
    assert not (tmp_path / "data").exists()


def test_the_doctor_says_so_too(tmp_path: Path, database_url: str) -> None:
    keys = KEYS["stripe"] | KEYS["razorpay"]
    done = run(tmp_path, str(HOLDFAST), "doctor", HOLDFAST_DATABASE_URL=database_url, **keys)
    assert done.returncode == 1, done.stderr
    assert "NOTHING STARTS" in done.stdout
    assert "holdfast[stripe,razorpay]" in done.stdout
