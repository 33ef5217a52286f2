"""`holdfast audit` and `holdfast doctor` look, and change nothing."""

import subprocess
from pathlib import Path

import pytest

from tests.faults.server import HOLDFAST, environment


def run(folder: Path, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(HOLDFAST), command],
        env={**environment(folder / "data"), **variables},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("url", [{}, {"HOLDFAST_DATABASE_URL": ""}, {"DATABASE_URL": ""}])
@pytest.mark.parametrize("command", ["audit", "doctor"])
def test_where_there_is_no_database_none_is_made(tmp_path: Path, command: str, url: dict[str, str]) -> None:
    done = run(tmp_path, command, **url)
    said = done.stdout + done.stderr
    assert (done.returncode, "there is no database" in said, "Traceback" in said) == (1, True, False), said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["audit", "doctor", "migrate"])
def test_a_url_that_cannot_be_used_is_said_in_a_line(tmp_path: Path, command: str) -> None:
    url = "postgresql://user:kelp-and-salt@127.0.0.1:1/name?requirepeer=me"
    done = run(tmp_path, command, HOLDFAST_DATABASE_URL=url)
    said = done.stdout + done.stderr
    assert done.returncode in (1, 2)
    assert "requirepeer cannot be honoured" in said
    assert "Traceback" not in said
    assert "kelp-and-salt" not in said


@pytest.mark.parametrize("command", ["audit", "doctor"])
def test_a_server_that_is_not_there_is_said_in_a_line(tmp_path: Path, command: str) -> None:
    done = run(
        tmp_path, command, HOLDFAST_DATABASE_URL="postgresql://user:secret@127.0.0.1:1/name?sslmode=disable"
    )
    said = done.stdout + done.stderr
    assert (done.returncode, "Traceback" in said, "reach" in said) == (1, False, True), said


def test_doctor_counts_the_connections(tmp_path: Path, database_url: str) -> None:
    done = run(tmp_path, "doctor", HOLDFAST_DATABASE_URL=f"{database_url}&sslmode=disable")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "up to 15 a process" in done.stdout
    few = run(
        tmp_path,
        "doctor",
        HOLDFAST_DATABASE_URL=database_url,
        HOLDFAST_DATABASE_POOL_SIZE="400",
    )
    assert few.returncode == 1
    assert "TOO FEW" in few.stdout
