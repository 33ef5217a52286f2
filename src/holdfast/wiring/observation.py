"""What is told of a process while it runs: its log, its traces, its defects."""

from importlib.util import find_spec

from holdfast.kernel.telemetry import Report, configure_logging
from holdfast.kernel.tracing import trace_by
from holdfast.settings import SERVICES, Settings

NEEDS = {
    "otel": ("HOLDFAST_OTEL_EXPORTER_OTLP_ENDPOINT", "opentelemetry.exporter.otlp.proto.http"),
    "sentry": ("HOLDFAST_SENTRY_DSN", "sentry_sdk"),
}


class ExtraMissing(RuntimeError):
    """A setting asks for what is not installed."""


def observe(settings: Settings, *, part: str | None = None) -> None:
    """Configure logging, traces and error tracking as the settings say; once in a process. ExtraMissing.

    `part` is what this process is, where it is not a server: it is in the name that traces are shown under.
    """
    said, service = settings.observation, name_of(settings, part)
    report: Report | None = None
    if said.sentry_dsn is not None:
        require("sentry")
        from holdfast.gateways.sentry import Sentry  # noqa: PLC0415 - an extra

        report = Sentry(said.sentry_dsn.get_secret_value(), environment=said.environment, service=service)
    configure_logging(settings.log.level, settings.log.format, report=report)
    if said.traces_url is not None:
        require("otel")
        from holdfast.gateways.opentelemetry import Traces  # noqa: PLC0415 - an extra

        traces = Traces(endpoint=said.traces_url, service=service)
        traces.carry_by_httpx()
        trace_by(traces)


def name_of(settings: Settings, part: str | None) -> str:
    """`holdfast`, `holdfast-worker`, or of separate services `holdfast-booking`."""
    chosen = settings.server.services
    parts = list(chosen) if len(chosen) < len(SERVICES) else []
    return settings.observation.service_name or "-".join(["holdfast", *parts, *([part] if part else [])])


def require(extra: str) -> None:
    setting, module = NEEDS[extra]
    try:
        found = find_spec(module)
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise ExtraMissing(f"{setting} needs: pip install 'holdfast[{extra}]'")
