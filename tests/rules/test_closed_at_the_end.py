"""What a process has opened is closed with it; what it never opened is not opened for that."""

from pydantic import SecretStr

from holdfast.gateways.payments.paypal import PaypalProvider
from holdfast.gateways.payments.stripe import StripeProvider
from holdfast.main import create_app, lifespan
from holdfast.settings import (
    EventsSettings,
    PaypalSettings,
    PeerSettings,
    ServerSettings,
    Settings,
    StripeSettings,
)
from holdfast.wiring import Wiring
from tests.clock import SettableClock
from tests.house import wiring


def wired() -> Wiring:
    """Of a server that takes payments, and has an inventory elsewhere."""
    settings: Settings = wiring("", SettableClock()).settings.model_copy(
        update={
            "server": ServerSettings(services=("payment",), worker_in_process=False),
            "peers": PeerSettings.model_validate({"inventory": "http://nowhere"}),
            "events": EventsSettings(url=SecretStr("amqp://nowhere")),
            "stripe": StripeSettings(secret_key=SecretStr("sk_test")),
            "paypal": PaypalSettings(client_id="id", client_secret=SecretStr("secret")),
        }
    )
    return Wiring(settings, "postgresql://nowhere")


async def test_connections_to_others_and_the_database_end_with_the_server() -> None:
    here = wired()
    async with lifespan(create_app(here)):
        stripe, paypal = here.providers["stripe"], here.providers["paypal"]
        assert isinstance(stripe, StripeProvider)
        assert isinstance(paypal, PaypalProvider)
        clients = [stripe.http._client_async, paypal.http, here.peers.known["inventory"].http]
        pool = here.engine.pool
        assert [each.is_closed for each in clients] == [False, False, False]
    assert [each.is_closed for each in clients] == [True, True, True]
    assert here.engine.pool is not pool, "the one that was used is disposed of"


async def test_what_was_never_opened_is_not_opened_to_be_closed() -> None:
    here = wired()
    await here.close()
    assert {"engine", "providers", "peers"}.isdisjoint(vars(here))
