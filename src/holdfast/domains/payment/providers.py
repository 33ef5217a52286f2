"""Which providers there are here, and where guests reach this installation."""

from collections.abc import Mapping
from dataclasses import dataclass

from holdfast.domains.payment.exceptions import ProviderNotConfigured, ProviderUnknown
from holdfast.domains.payment.ports import Provider

# whoever has its secret tells of money taken elsewhere, for any provider; it can be asked nothing
GENERIC = "generic"


@dataclass(frozen=True)
class Providers:
    """`default` takes the money where nobody is named; `public_url` is where guests find our pages. Those of
    `closed` are known, and take no new payment: they are not set up, or only tell."""

    by_name: Mapping[str, Provider]
    default: str
    public_url: str
    closed: frozenset[str] = frozenset()

    def get(self, name: str, *, pointer: str = "/provider") -> Provider:
        """ProviderUnknown."""
        if name not in self.by_name:
            raise ProviderUnknown(f"it is one of {', '.join(sorted(self.by_name))}", pointer=pointer)
        return self.by_name[name]

    def taking(self, name: str | None, *, pointer: str = "/provider") -> str:
        """The name of the provider to take a new payment, `default` where none is said. ProviderUnknown;
        ProviderNotConfigured."""
        chosen = name or self.default
        self.get(chosen, pointer=pointer)
        if chosen in self.closed:
            raise ProviderNotConfigured(f"{chosen} takes no payments here", pointer=pointer)
        return chosen
