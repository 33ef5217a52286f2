"""Structured logs that carry the request id, and the metrics every service has."""

import logging
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar

import structlog
from prometheus_client import Counter, Gauge, Histogram
from structlog.typing import EventDict, Processor, WrappedLogger

from holdfast.kernel.tracing import trace_ids, traceparent

# who hears of defects: the failure, and which log line it was, without anything that people wrote
Report = Callable[[BaseException, Mapping[str, str]], None]
REPORTED = ("event", "request_id", "trace_id", "job", "job_id", "reaction", "event_id", "message_id")

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
client_address: ContextVar[str | None] = ContextVar("client_address", default=None)

REQUESTS = Histogram(
    "holdfast_http_request_seconds",
    "Time from request to last byte of the answer",
    ["method", "route", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
CONNECTIONS = Gauge("holdfast_database_connections", "This process's connections: idle or in use", ["state"])
CONNECTIONS_WANTED = Counter("holdfast_database_pool_exhausted_total", "Times that no connection was free in time")
BATCHES = Histogram(
    "holdfast_batch_requests",
    "Requests that shared one transaction",
    ["of"],
    buckets=(1, 2, 4, 8, 16, 32, 64, 128),
)
EVENTS_RELAYED = Counter("holdfast_events_relayed_total", "Events delivered to every reaction", ["type"])
EVENTS_PARKED = Counter("holdfast_events_parked_total", "Events given up after the last try", ["type"])
EVENTS_PUBLISHED = Counter("holdfast_events_published_total", "Events taken by the broker", ["type"])
EVENTS_RECEIVED = Counter("holdfast_events_received_total", "Events taken from the broker", ["type"])
EVENTS_WAITING = Gauge("holdfast_events_waiting", "Events not yet told to all, a million at most", ["to"])
EVENTS_LAG = Gauge("holdfast_events_lag_seconds", "Age of the oldest event not yet told to all", ["to"])
EVENTS_GIVEN_UP = Gauge("holdfast_events_given_up", "Events that were given up and not replayed")
BROKER_REACHABLE = Gauge("holdfast_broker_reachable", "1 while the broker of events takes them")
JOBS = Counter("holdfast_jobs_total", "Runs of queued jobs: done, failed or given up", ["job", "outcome"])
JOBS_GIVEN_UP = Gauge("holdfast_jobs_given_up", "Queued jobs that were given up and not replayed")
RATE_LIMITED = Counter("holdfast_rate_limited_total", "Requests refused for want of quota", ["quota"])
LIMITS_SHARED = Gauge("holdfast_rate_limits_shared", "1 while rate limits are counted in Redis, 0 in this process")
REDIS_FAILURES = Counter("holdfast_rate_limit_redis_failures_total", "Times that Redis did not answer in time")
MAIL = Counter("holdfast_mail_total", "Messages tried: sent, deferred or failed", ["template", "outcome"])
MAIL_WAITING = Gauge("holdfast_mail_waiting", "Messages not yet sent")
SIGN_INS = Counter(
    "holdfast_sign_ins_total", "Attempts to sign in: ok, or the type of the refusal", ["way", "outcome"]
)
PROVIDER_ANSWERS = Counter(
    "holdfast_payment_provider_answers_total",
    "Questions to payment providers: answered, or none",
    ["provider", "outcome"],
)
PEER_ANSWERS = Counter(
    "holdfast_peer_answers_total", "Questions to other services: answered, or none", ["peer", "outcome"]
)
WEBHOOKS = Counter(
    "holdfast_webhooks_total", "Messages to endpoints tried: delivered, deferred or failed", ["outcome"]
)
PAYMENTS = Counter("holdfast_payments_total", "Intents that moved on", ["provider", "status"])
REFUNDS = Counter("holdfast_refunds_total", "Refunds that ended", ["provider", "status"])
PROVIDER_EVENTS = Counter("holdfast_provider_events_total", "Webhooks of providers", ["provider", "outcome"])
PAYMENT_DISCREPANCIES = Counter(
    "holdfast_payment_discrepancies_total",
    "What a provider said and could not be agreed with",
    ["kind", "provider"],
)
PAYMENTS_UNRECONCILED = Gauge(
    "holdfast_payments_unreconciled", "Differences that the last reconciliation found", ["kind"]
)
SOCKETS = Gauge("holdfast_sockets", "Connections at /socket.io of this process")
SWEPT = Counter("holdfast_bookings_swept_total", "Bookings moved by a sweep", ["to_status"])


def passed_on() -> dict[str, str]:
    """The headers by which what another service does for a request is found again."""
    said = {"X-Request-ID": request_id.get(), "traceparent": traceparent()}
    return {name: value for name, value in said.items() if value}


def configure_logging(level: str, layout: str, *, report: Report | None = None) -> None:
    """`layout` is json, console, or auto: console on a terminal, JSON lines elsewhere. What is logged with its
    exception is reported too."""
    console = layout == "console" or (layout == "auto" and sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        add_trace,
        *([Reporting(report)] if report is not None else []),
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    render: list[Processor] = (
        # not rich's, which prints every local variable, guests' data too, and takes seconds for a deep stack
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if console
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, *render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def add_trace(logger: WrappedLogger, method: str, line: EventDict) -> EventDict:
    """The trace it belongs to, and the request, where there is one."""
    return {**trace_ids(), **line}


class Reporting:
    """Reports each line that carries an exception, and lets it pass."""

    def __init__(self, report: Report) -> None:
        self.report = report

    def __call__(self, logger: WrappedLogger, method: str, line: EventDict) -> EventDict:
        said = line.get("exc_info")
        error = said if isinstance(said, BaseException) else sys.exc_info()[1] if said else None
        if error is not None:
            facts = {"request_id": request_id.get(), **line}
            self.report(error, {name: str(facts[name]) for name in REPORTED if facts.get(name)})
        return line
