"""A PostgreSQL URL as libpq takes it, for asyncpg.

asyncpg reads most of libpq's parameters from the URL itself, but takes those it does not know for settings of the
server, which then refuses the connection; so each is sorted here, and what nothing could honour is refused.
"""

import ssl
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

READ_BY_ASYNCPG = frozenset(
    {
        *("host", "port", "dbname", "database", "user", "password", "passfile", "service"),
        *("sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "sslpassword", "sslnegotiation"),
        *("ssl_min_protocol_version", "ssl_max_protocol_version"),
        *("target_session_attrs", "krbsrvname", "gsslib"),
    }
)
SENT_TO_SERVER = frozenset({"application_name", "options"})
# asyncpg's own, numbers (a pooler between us and the server may need them at zero)
CACHES = frozenset({"statement_cache_size", "prepared_statement_cache_size"})
# they tune what asyncpg does in its own way, or ask for what it never does
WITHOUT_EFFECT = frozenset(
    {
        *("channel_binding", "client_encoding", "fallback_application_name", "gssencmode", "load_balance_hosts"),
        *("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"),
        *("sslcompression", "sslsni", "pgbouncer", "schema"),
    }
)
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


class UnusableUrl(ValueError):
    """A database URL that cannot be connected with; says which part, never the password."""


def connect_args(url: str, server_settings: Mapping[str, str]) -> dict[str, object]:
    """What `asyncpg.connect` takes for this URL; its own `application_name` and `options` win. UnusableUrl."""
    try:
        parts = urlsplit(url)
        asked = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError as error:
        raise UnusableUrl("the database URL cannot be read") from error
    if parts.scheme.partition("+")[0] not in ("postgres", "postgresql"):
        raise UnusableUrl("the database URL must begin with postgresql://")
    if "ssl" in asked:  # as SQLAlchemy's users write it
        asked["sslmode"] = asked.pop("ssl")
    args: dict[str, object] = {name: whole(name, asked.pop(name)) for name in CACHES & set(asked)}
    if (seconds := whole("connect_timeout", asked.pop("connect_timeout", "0"))) > 0:
        args["timeout"] = float(max(seconds, 2))  # libpq waits two seconds at least
    if asked.get("sslmode", "prefer") not in SSL_MODES:
        raise UnusableUrl(f"the database URL's sslmode is none of {', '.join(SSL_MODES)}")
    if asked.get("sslrootcert") == "system":
        del asked["sslrootcert"]
        asked.pop("sslmode", None)
        args["ssl"] = ssl.create_default_context()
    if unknown := sorted(set(asked) - READ_BY_ASYNCPG - SENT_TO_SERVER - WITHOUT_EFFECT):
        raise UnusableUrl(f"the database URL's {', '.join(unknown)} cannot be honoured; leave it out")
    sent = {name: value for name, value in asked.items() if name in SENT_TO_SERVER}
    read = {name: value for name, value in asked.items() if name in READ_BY_ASYNCPG}
    dsn = urlunsplit(("postgresql", parts.netloc, parts.path or "/", urlencode(read), ""))
    return {"dsn": dsn, "server_settings": {**server_settings, **sent}, **args}


def whole(name: str, value: str) -> int:
    try:
        return int(value)
    except ValueError as error:
        raise UnusableUrl(f"the database URL's {name} is not a whole number") from error
