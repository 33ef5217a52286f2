"""What `make services` starts: every service, told of all others, with nothing of theirs."""

import shlex
from pathlib import Path

import pytest

from deploy.services import ASKED, SERVICES, environment
from holdfast.settings import SERVICES as EVERY
from holdfast.settings import PeerSettings, Settings
from tests.architecture.test_documents import KNOWN

COMMON = {
    "SECRET": "s" * 40,
    "EVENTS_URL": "amqp://guest:guest@127.0.0.1:1/",
    **{f"{name.upper()}_URL": f"http://127.0.0.1:{SERVICES[name][0]}" for name in ASKED},
}


def test_every_service_is_started_once_and_at_a_port_of_its_own() -> None:
    served = [each for _, said in SERVICES.values() for each in said.split(",")]
    assert sorted(served) == sorted(EVERY)
    assert len({port for port, _ in SERVICES.values()}) == len(SERVICES)


def test_all_that_may_be_asked_are_told_to_all() -> None:
    assert set(ASKED) == {name for name in PeerSettings.model_fields if name in EVERY}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_finds_the_others_elsewhere(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for each in KNOWN:
        monkeypatch.delenv(each, raising=False)
    for key, each in environment(name, f"postgresql://holdfast_{name}@host/holdfast_{name}", COMMON).items():
        assert key in KNOWN
        assert shlex.split(shlex.quote(each)) == [each]
        monkeypatch.setenv(key, each)
    monkeypatch.chdir(tmp_path)
    settings = Settings()
    assert set(settings.elsewhere) == set(ASKED) - {name}
    assert settings.server.services == tuple(SERVICES[name][1].split(","))
    assert settings.database.data_dir.name == name
