"""Which broker hears of events: RabbitMQ, Kafka, or none."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from holdfast.kernel.publisher import Transport


class NoSuchTransport(ValueError):
    """HOLDFAST_EVENTS_URL takes amqp://, amqps://, kafka:// or kafka+ssl://, each with its extra installed."""


class Broker(Transport, Protocol):
    async def reach(self) -> None:
        """Connect, where that is not so yet. Unreachable."""

    async def close(self) -> None: ...


class Inlet(Protocol):
    async def listen(self, take: Callable[[bytes], Awaitable[object]]) -> None:
        """Hand over what comes, in order, until cancelled. Unreachable."""


@dataclass(frozen=True)
class EventsRoute:
    """`source` is what events name as theirs: where this installation is reached. `readers` are the services that
    hear of each other by the broker, and what each wants; none where all are one process."""

    url: str | None
    source: str
    readers: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def check(self) -> None:
        """NoSuchTransport where `open` would find the settings wrong."""
        if self.url is not None:
            self.transport(self.url)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Broker | None]:
        """The way out while the block lasts; it connects by itself."""
        if self.url is None:
            yield None
            return
        transport = self.transport(self.url)
        try:
            yield transport
        finally:
            await transport.close()

    def transport(self, url: str) -> Broker:
        """Each is imported when it is wanted: the extras `rabbitmq` and `kafka` need not be there."""
        scheme = url.partition("://")[0]
        try:
            if scheme in ("amqp", "amqps"):
                from holdfast.gateways.rabbitmq import RabbitTransport  # noqa: PLC0415

                return RabbitTransport(url, source=self.source, readers=self.readers)
            if scheme in ("kafka", "kafka+ssl"):
                from holdfast.gateways.kafka import KafkaTransport  # noqa: PLC0415

                transport = KafkaTransport(url, source=self.source)
                transport.options()
                return transport
        except ImportError as error:
            extra = "rabbitmq" if scheme.startswith("amqp") else "kafka"
            raise NoSuchTransport(f"{scheme}:// needs: pip install 'holdfast[{extra}]'") from error
        raise NoSuchTransport(f"HOLDFAST_EVENTS_URL takes amqp, amqps, kafka or kafka+ssl, not {scheme}://")

    def inlet(self, services: Collection[str]) -> Inlet | None:
        """Where these services hear of what others publish; None where they want nothing or there is no broker."""
        wanted = {name: topics for name, topics in self.readers.items() if name in services and topics}
        if self.url is None or not wanted:
            return None
        if self.url.startswith("amqp"):
            from holdfast.gateways.rabbitmq import declared  # noqa: PLC0415
            from holdfast.gateways.rabbitmq_inlet import RabbitInlet  # noqa: PLC0415

            return RabbitInlet(self.url, wanted, declared)
        from holdfast.gateways.kafka import KafkaInlet  # noqa: PLC0415

        return KafkaInlet(self.url, wanted)
