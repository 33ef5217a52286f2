"""URLs as providers and libpq write them."""

import pytest
from sqlalchemy import text

from holdfast.kernel.database import create_engine
from holdfast.kernel.postgres_url import UnusableUrl, connect_args

BASE = "postgresql://user:p%40ss@db.example:6432/name"


def read(query: str) -> dict[str, object]:
    return connect_args(f"{BASE}?{query}", {"application_name": "holdfast", "lock_timeout": "1"})


def test_what_asyncpg_reads_itself_stays_in_the_url() -> None:
    query = "sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem&target_session_attrs=read-write"
    assert read(query)["dsn"] == f"{BASE}?{query}"


def test_what_the_server_takes_is_sent_to_it_and_wins() -> None:
    args = read("application_name=mine&options=-c%20search_path%3Dpublic")
    assert args["dsn"] == BASE
    assert args["server_settings"] == {
        "application_name": "mine",
        "lock_timeout": "1",
        "options": "-c search_path=public",
    }


def test_the_rest_is_mapped_or_passed_over() -> None:
    args = read("connect_timeout=10&channel_binding=require&keepalives=1&gssencmode=disable&ssl=require")
    assert args == {
        "dsn": f"{BASE}?sslmode=require",
        "timeout": 10.0,
        "server_settings": {"application_name": "holdfast", "lock_timeout": "1"},
    }
    assert read("statement_cache_size=0")["statement_cache_size"] == 0


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg", "postgresql+psycopg"])
def test_every_usual_scheme_will_do(scheme: str) -> None:
    assert connect_args(f"{scheme}://host/name", {})["dsn"] == "postgresql://host/name"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"{BASE}?requirepeer=postgres", "requirepeer"),
        (f"{BASE}?sslmode=sometimes", "sslmode"),
        (f"{BASE}?connect_timeout=soon", "connect_timeout"),
        ("mysql://user:secret@host/name", "postgresql://"),
        ("nonsense", "postgresql://"),
    ],
)
def test_what_nothing_can_honour_is_said_without_the_password(url: str, said: str) -> None:
    with pytest.raises(UnusableUrl, match=said) as refused:
        connect_args(url, {})
    assert "secret" not in str(refused.value)


async def test_a_connection_has_its_limits_and_its_name(database_url: str) -> None:
    engine = create_engine(f"{database_url}&sslmode=disable&connect_timeout=5&channel_binding=disable")
    expected = {
        "application_name": "holdfast",
        "lock_timeout": "3s",
        "statement_timeout": "30s",
        "idle_in_transaction_session_timeout": "15s",
        "max_parallel_workers_per_gather": "0",
    }
    async with engine.connect() as connection:
        told = {name: await connection.scalar(text(f"SHOW {name}")) for name in expected}
    await engine.dispose()
    assert told == expected
