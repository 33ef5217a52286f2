"""The map at the head of booking's refusals shows what there is."""

import re

from holdfast.domains.booking import exceptions
from holdfast.kernel.errors import Refusal


def test_the_map_names_every_refusal_under_its_family_and_no_other() -> None:
    shown: dict[str, set[str]] = {}
    family = ""
    for line in (exceptions.__doc__ or "").splitlines()[2:]:
        family = line.split()[0] if line[:1].isalpha() else family
        names = set(re.findall(r"\b[A-Z]\w+", line)) - {family}
        shown[family] = shown.get(family, set()) | names
    there: dict[str, set[str]] = {}
    for name, each in vars(exceptions).items():
        if isinstance(each, type) and issubclass(each, Refusal) and each.__module__ == exceptions.__name__:
            there.setdefault(each.__mro__[1].__name__, set()).add(name)
    assert shown == there
