"""The page on running it names every metric, and no other."""

import re
from pathlib import Path

from prometheus_client import REGISTRY

from holdfast.kernel import telemetry

PAGE = Path(__file__).parents[2] / "docs/operations.md"


def test_every_metric_is_on_the_page_and_there() -> None:
    assert telemetry.REQUESTS
    there = {each.name + ("_total" if each.type == "counter" else "") for each in REGISTRY.collect()}
    ours = {name for name in there if name.startswith("holdfast_")}
    assert len(ours) > 20
    assert set(re.findall(r"holdfast_[a-z_]+", PAGE.read_text())) - {"holdfast_app"} == ours
