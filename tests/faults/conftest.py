import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.server import Served, holdfast, postmaster


@pytest.fixture(scope="module")
def house_dir() -> Iterator[Path]:
    """A data folder whose database is made and migrated; a module's tests use it one after the other."""
    folder = Path(tempfile.mkdtemp(prefix="holdfast-test-"))
    done = holdfast(folder, "migrate")
    assert done.returncode == 0, done.stderr
    assert postmaster(folder) is None, "the last user stopped the server"
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def served(house_dir: Path, request: pytest.FixtureRequest) -> Iterator[Served]:
    """Not started yet, one process unless `two_workers` are asked for; ended with the test, and its database."""
    served = Served(house_dir, workers=getattr(request, "param", 1))
    yield served
    served.end()
    assert postmaster(house_dir) is None


two_workers = pytest.mark.parametrize("served", [2], ids=["two workers"], indirect=True)
