"""The import contracts hold, and each of them bites: an offending import breaks the one that forbids it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import holdfast

PACKAGE = Path(holdfast.__file__).parent
PROJECT = PACKAGE.parents[1] / "pyproject.toml"

LAYERS = "what is above may import what is below, never back"
DOMAINS = "no domain imports another"
FACADE = "operations are reached through their facade"
ROWS = "rows and queries never leave their domain"
FRAMEWORKS = "no web framework, queue or HTTP client below the gateways"

# file of the package, the line it gains, the contract that must break
OFFENCES = [
    ("kernel/clock.py", "import holdfast.contracts.booking", LAYERS),
    ("contracts/booking.py", "import holdfast.domains.booking.exceptions", LAYERS),
    ("domains/booking/services.py", "import holdfast.settings", LAYERS),
    ("domains/pricing/services.py", "import holdfast.gateways.embedded_postgres", LAYERS),
    ("gateways/embedded_postgres.py", "import holdfast.wiring", LAYERS),
    ("gateways/embedded_postgres.py", "import holdfast.settings", LAYERS),
    ("wiring/__init__.py", "import holdfast.api", LAYERS),
    ("api/__init__.py", "import holdfast.main", LAYERS),
    ("shortcuts.py", "", LAYERS),
    ("domains/booking/ports.py", "import holdfast.domains.inventory.services", DOMAINS),
    ("domains/pricing/rules/__init__.py", "import holdfast.domains.booking.exceptions", DOMAINS),
    ("api/__init__.py", "import holdfast.domains.booking.ops", FACADE),
    ("wiring/__init__.py", "import holdfast.domains.inventory.ops", FACADE),
    ("domains/booking/exceptions.py", "import holdfast.domains.booking.ops", FACADE),
    ("api/__init__.py", "import holdfast.domains.booking.queries", ROWS),
    ("wiring/__init__.py", "import holdfast.domains.pricing.models", ROWS),
    ("domains/inventory/services.py", "import fastapi", FRAMEWORKS),
    ("domains/pricing/services.py", "import httpx", FRAMEWORKS),
    ("contracts/pricing.py", "from starlette import status", FRAMEWORKS),
    ("kernel/errors.py", "import celery", FRAMEWORKS),
]


def broken_contracts(folder: Path) -> set[str]:
    """The names of the contracts that the package in `folder` breaks."""
    command = [
        str(Path(sys.executable).with_name("lint-imports")),
        "--no-logo",
        "--no-cache",
        "--config",
        str(PROJECT),
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert any(line.startswith("Contracts: ") for line in lines), done.stdout + done.stderr
    return {line.removesuffix(" BROKEN") for line in lines if line.endswith(" BROKEN")}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package that may be spoilt."""
    return Path(shutil.copytree(PACKAGE, tmp_path / "holdfast", ignore=shutil.ignore_patterns("__pycache__")))


def test_every_contract_is_kept(copy: Path) -> None:
    assert broken_contracts(copy.parent) == set()


@pytest.mark.parametrize(("file", "line", "contract"), OFFENCES, ids=lambda value: value or "new module")
def test_an_offending_import_breaks_its_contract(copy: Path, file: str, line: str, contract: str) -> None:
    with (copy / file).open("a") as source:
        source.write(f"\n{line}\n")
    assert contract in broken_contracts(copy.parent)
