"""The embedded server and its users, killed in every order."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from holdfast.gateways.embedded_postgres import EmbeddedPostgres, binaries
from holdfast.gateways.postgres_cluster import ServerFailed
from tests.faults import guest

Guest = subprocess.Popen[str]


@pytest.fixture
def data_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="holdfast-test-"))
    yield folder
    for cluster in (folder / "postgres", *folder.glob("*/postgres")):
        if pid := EmbeddedPostgres(cluster.parent).cluster.running_pid():
            os.kill(pid, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def guests(data_dir: Path) -> Iterator[list[Guest]]:
    """Processes that were started and are still to be ended."""
    started: list[Guest] = []
    yield started
    for process in started:
        process.kill()
        process.communicate()


def arrive(data_dir: Path, guests: list[Guest]) -> Guest:
    command = [sys.executable, guest.__file__, str(data_dir)]
    guests.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
    return guests[-1]


def told_url(process: Guest) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def leave(process: Guest) -> None:
    process.communicate()
    assert process.returncode == 0


def kill(process: Guest) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def ask(url: str, statement: str) -> str:
    command = [str(binaries() / "psql"), url, "-XAtqc", statement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def server_pid(data_dir: Path) -> int | None:
    return EmbeddedPostgres(data_dir).cluster.running_pid()


def kill_server(data_dir: Path) -> None:
    pid = server_pid(data_dir)
    assert pid
    os.kill(pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=120)


def test_two_processes_make_it_together_and_the_last_to_leave_stops_it(
    data_dir: Path, guests: list[Guest]
) -> None:
    first, second = arrive(data_dir, guests), arrive(data_dir, guests)
    urls = {told_url(first), told_url(second)}
    assert urls == {EmbeddedPostgres(data_dir).url}
    running = server_pid(data_dir)
    assert running

    leave(first)
    assert server_pid(data_dir) == running
    assert ask(urls.pop(), "SELECT 1") == "1"

    leave(second)
    assert server_pid(data_dir) is None
    assert any("is shut down" in log.read_text() for log in data_dir.glob("postgres/log/*.log")), "and cleanly"


def test_writes_are_durable_and_only_its_owner_comes_near(data_dir: Path, guests: list[Guest]) -> None:
    url = told_url(arrive(data_dir, guests))
    for setting, value in (("fsync", "on"), ("synchronous_commit", "on"), ("full_page_writes", "on")):
        assert ask(url, f"SHOW {setting}") == value
    assert ask(url, "SHOW listen_addresses") == "", "no TCP"
    assert EmbeddedPostgres(data_dir).cluster.socket_dir.stat().st_mode & 0o077 == 0


def test_a_killed_user_leaves_the_server_to_the_next(data_dir: Path, guests: list[Guest]) -> None:
    first = arrive(data_dir, guests)
    url = told_url(first)
    ask(url, "CREATE TABLE kept AS SELECT 1 AS one")
    running = server_pid(data_dir)
    kill(first)
    assert server_pid(data_dir) == running

    second = arrive(data_dir, guests)
    assert ask(told_url(second), "SELECT one FROM kept") == "1"
    assert server_pid(data_dir) == running, "joined, not started again"

    leave(second)
    assert server_pid(data_dir) is None, "the killed one is not waited for"


def test_a_killed_server_recovers_on_the_next_start(data_dir: Path, guests: list[Guest]) -> None:
    first = arrive(data_dir, guests)
    url = told_url(first)
    ask(url, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    kill_server(data_dir)

    second = arrive(data_dir, guests)
    assert ask(told_url(second), "SELECT count(*) FROM kept") == "1000"
    assert ask(url, "SELECT count(*) FROM kept") == "1000", "the first user's URL is good again"
    leave(second)
    assert server_pid(data_dir), "the first user is still there"


def test_both_killed_at_once(data_dir: Path, guests: list[Guest]) -> None:
    first = arrive(data_dir, guests)
    ask(told_url(first), "CREATE TABLE kept AS SELECT 1 AS one")
    kill_server(data_dir)
    kill(first)
    assert ask(told_url(arrive(data_dir, guests)), "SELECT one FROM kept") == "1"


def test_a_session_that_outlives_the_server_only_delays_the_next_start(
    data_dir: Path, guests: list[Guest]
) -> None:
    url = told_url(arrive(data_dir, guests))
    busy = "DO $$ DECLARE n bigint; BEGIN SELECT sum(sqrt(g)) INTO n FROM generate_series(1, 20000000) g; END $$"
    subprocess.Popen([str(binaries() / "psql"), url, "-Xqc", busy], stderr=subprocess.DEVNULL)
    while ask(url, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO %' AND state = 'active'") != "1":
        time.sleep(0.05)
    kill_server(data_dir)
    assert ask(told_url(arrive(data_dir, guests)), "SELECT 1") == "1"


def test_recovery_may_take_longer_than_ten_seconds(data_dir: Path, guests: list[Guest]) -> None:
    first = arrive(data_dir, guests)
    ask(told_url(first), "CREATE TABLE kept AS SELECT 1 AS one")
    kill_server(data_dir)
    cluster = data_dir / "postgres"
    owner = cluster.stat().st_uid
    with (cluster / "postgresql.conf").open("a") as settings:
        settings.write("restore_command = 'sleep 11; false'\n")
    (cluster / "recovery.signal").touch()
    shutil.chown(cluster / "recovery.signal", owner)

    began = time.monotonic()
    starter = arrive(data_dir, guests)
    while server_pid(data_dir) is None:
        time.sleep(0.05)
    kill(starter)
    assert ask(told_url(arrive(data_dir, guests)), "SELECT one FROM kept") == "1"
    assert time.monotonic() - began > 10


def test_a_pid_file_that_names_a_stranger_is_not_believed(data_dir: Path, guests: list[Guest]) -> None:
    leave(arrive(data_dir, guests))
    owner = (data_dir / "postgres").stat().st_uid
    stranger = subprocess.Popen(["sleep", "60"], user=owner if os.geteuid() == 0 else None)
    try:
        pid_file = data_dir / "postgres" / "postmaster.pid"
        pid_file.write_text(
            f"{stranger.pid}\n{data_dir / 'postgres'}\n1\n5432\n{data_dir / 'postgres'}\n\n\nready\n"
        )
        shutil.chown(pid_file, owner)
        assert ask(told_url(arrive(data_dir, guests)), "SELECT 1") == "1"
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_an_unfinished_making_is_begun_again(data_dir: Path, guests: list[Guest]) -> None:
    (data_dir / "postgres.new").mkdir()
    (data_dir / "postgres.new" / "PG_VERSION").write_text("18\n")
    assert ask(told_url(arrive(data_dir, guests)), "SELECT 1") == "1"


def test_what_is_not_a_cluster_is_not_overwritten(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir()
    (data_dir / "postgres" / "letters.txt").write_text("mine")
    with pytest.raises(ServerFailed, match="is not a cluster"):
        EmbeddedPostgres(data_dir).start()
    assert (data_dir / "postgres" / "letters.txt").read_text() == "mine"


def test_a_data_folder_deleted_under_the_server_can_be_made_again(data_dir: Path, guests: list[Guest]) -> None:
    first = arrive(data_dir, guests)
    ask(told_url(first), "CREATE TABLE gone AS SELECT 1 AS one")
    shutil.rmtree(data_dir)
    second = arrive(data_dir, guests)
    url = told_url(second)
    leave(first)
    assert ask(url, "SELECT to_regclass('gone') IS NULL") == "t", "who used the old one does not stop the new one"


@pytest.mark.parametrize("name", ["with a space & an 'apostrophe'", "x" * 120])
def test_a_path_no_socket_can_have_gets_a_short_folder_of_its_own(
    data_dir: Path, guests: list[Guest], name: str
) -> None:
    url = told_url(arrive(data_dir / name, guests))
    assert ask(url, "SELECT 1") == "1"
    socket_dir = EmbeddedPostgres(data_dir / name).cluster.socket_dir
    assert socket_dir.parent == Path("/tmp").resolve()
    assert socket_dir.stat().st_mode & 0o077 == 0
    leave(guests[0])
    assert not socket_dir.exists()


def test_a_dropped_database_is_made_again(data_dir: Path, guests: list[Guest]) -> None:
    url = told_url(arrive(data_dir, guests))
    ask(url.replace("/holdfast?", "/postgres?"), "DROP DATABASE holdfast")
    assert ask(told_url(arrive(data_dir, guests)), "SELECT current_database()") == "holdfast"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root switches accounts")
def test_root_hands_the_data_to_an_account_that_may_pass_but_not_look(data_dir: Path, guests: list[Guest]) -> None:
    closed = data_dir / "closed"
    closed.mkdir(mode=0o700)
    assert ask(told_url(arrive(closed, guests)), "SELECT 1") == "1"
    assert closed.stat().st_mode & 0o777 == 0o711
    assert (closed / "postgres").stat().st_uid != 0


def test_connections_in_plenty_do_not_look_like_a_dead_server(data_dir: Path, guests: list[Guest]) -> None:
    url = told_url(arrive(data_dir, guests))
    ask(url, "ALTER SYSTEM SET max_connections = 5")
    leave(guests[0])
    url = told_url(arrive(data_dir, guests))
    command = [str(binaries() / "psql"), url, "-Xqc", "SELECT pg_sleep(60)"]
    taken = [subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) for _ in range(8)]
    time.sleep(0.5)
    try:
        running = server_pid(data_dir)
        assert told_url(arrive(data_dir, guests)) == url
        assert server_pid(data_dir) == running
    finally:
        for process in taken:
            process.kill()
            process.wait()
