"""Spans to an OpenTelemetry collector, by OTLP over HTTP; and traces carried on by every request that httpx sends.

Nothing here says what was in a request, a statement or a failure: addresses of requests to others are cut to their
origin, failures are named by their class.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor, RequestInfo
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from holdfast import __version__
from holdfast.kernel.errors import Refusal
from holdfast.kernel.tracing import Kind, Span

KINDS = {
    Kind.SERVER: trace.SpanKind.SERVER,
    Kind.CLIENT: trace.SpanKind.CLIENT,
    Kind.PRODUCER: trace.SpanKind.PRODUCER,
    Kind.CONSUMER: trace.SpanKind.CONSUMER,
    Kind.INTERNAL: trace.SpanKind.INTERNAL,
}
CONTEXT = TraceContextTextMapPropagator()


class Traces:
    """A `kernel.tracing.Tracing`. The standard OTEL_… variables say what is not said here, such as a sampler."""

    def __init__(self, *, endpoint: str, service: str) -> None:
        said = {SERVICE_NAME: service, SERVICE_VERSION: __version__}
        self.provider = TracerProvider(resource=Resource.create(said))
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
        self.provider.add_span_processor(BatchSpanProcessor(exporter))
        self.tracer = self.provider.get_tracer("holdfast", __version__)
        # baggage is not passed on: who calls us has no say in what others are told
        propagate.set_global_textmap(CONTEXT)

    def carry_by_httpx(self) -> None:
        """From now on every request that httpx sends is a span, and tells its receiver which."""
        HTTPXClientInstrumentor().instrument(
            tracer_provider=self.provider, request_hook=to_origin, async_request_hook=to_origin_async
        )

    @contextmanager
    def span(self, name: str, *, kind: Kind, within: str | None) -> Iterator[Span]:
        parent = CONTEXT.extract({"traceparent": within}) if within else None
        with self.tracer.start_as_current_span(
            name,
            context=parent,
            kind=KINDS[kind],
            record_exception=False,  # an exception's text may quote what a guest wrote
            set_status_on_exception=False,
        ) as started:
            running = Running(started)
            try:
                yield running
            except Refusal as refusal:
                running.set("holdfast.refusal", refusal.problem_type())
                raise
            except Exception as error:
                running.failed(type(error).__name__)
                raise

    def traceparent(self) -> str | None:
        carrier: dict[str, str] = {}
        CONTEXT.inject(carrier)
        return carrier.get("traceparent")

    def stop(self) -> None:
        self.provider.shutdown()


class Running:
    """A `kernel.tracing.Span`."""

    def __init__(self, started: trace.Span) -> None:
        self.started = started

    def rename(self, name: str) -> None:
        self.started.update_name(name)

    def set(self, name: str, value: str | int) -> None:
        self.started.set_attribute(name, value)

    def failed(self, what: str) -> None:
        self.started.set_attribute("error.type", what)
        self.started.set_status(trace.StatusCode.ERROR)


def to_origin(span: trace.Span, request: RequestInfo) -> None:
    """A path or query may hold somebody's secret, such as the address of a hook."""
    address = urlsplit(str(request.url))
    for name in ("http.url", "url.full"):
        span.set_attribute(name, f"{address.scheme}://{address.netloc.rpartition('@')[2]}")


async def to_origin_async(span: trace.Span, request: RequestInfo) -> None:
    to_origin(span, request)
