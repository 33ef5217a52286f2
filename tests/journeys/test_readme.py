"""The README's tour, typed into a shell as it stands."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.cli.demo.server import Server, listen
from holdfast.domains.inventory.exceptions import SlotTaken
from holdfast.kernel.clock import SystemClock
from holdfast.main import create_app
from tests.clock import SettableClock
from tests.house import wiring

README = Path(__file__).parents[2] / "README.md"
HOLDFAST = str(Path(sys.executable).with_name("holdfast"))
ADDRESS = "http://127.0.0.1:8000"


def tour() -> str:
    section = README.read_text(encoding="utf-8").partition("## A tour")[2]
    found = re.search(r"^```sh\n(.*?)^```", section, re.M | re.S)
    assert found
    assert ADDRESS in found[1]
    return found[1]


@pytest.mark.every_postgres
@pytest.mark.skipif(not (shutil.which("bash") and shutil.which("curl")), reason="the tour needs bash and curl")
def test_the_tour_can_be_typed_as_it_stands(database_url: str) -> None:
    clock = SettableClock()
    clock.set(SystemClock().now())  # the tour's shell reads its own clock
    listener = listen(0)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    wired = wiring(database_url, clock)
    assert wired.settings.security.secret
    told = {
        **os.environ,
        "HOLDFAST_DATABASE_URL": database_url,
        "HOLDFAST_SECRET": wired.settings.security.secret.get_secret_value(),
    }
    with Server(create_app(wired), listener) as server:
        server.ready()
        script = tour().replace(ADDRESS, address).replace(".venv/bin/holdfast", HOLDFAST)
        done = subprocess.run(
            ["bash", "-euc", script], capture_output=True, text=True, timeout=60, check=False, env=told
        )
    assert done.returncode == 0, done.stderr
    user, slots, refused, moved, cancelled, history = [json.loads(line) for line in done.stdout.splitlines()]
    assert user["roles"] == ["staff"]
    assert len(slots["items"]) == 7
    assert refused["type"] == "slot-taken"
    assert refused["alternatives"]
    assert (moved["version"], moved["start_at"][11:16]) == (2, "20:30")
    assert cancelled["status"] == "CANCELLED"
    assert [entry["to_status"] for entry in history["items"]][-1] == "CANCELLED"


def test_the_refusal_shown_is_one_that_is_given() -> None:
    section = README.read_text(encoding="utf-8").partition("## What a refusal looks like")[2]
    shown = re.search(r"^```json\n(.*?)^```", section, re.M | re.S)
    assert shown
    problem = json.loads(shown[1])
    assert problem["type"] == SlotTaken.problem_type()
    assert problem["title"] == SlotTaken.title()
    assert problem["status"] == SlotTaken.status
