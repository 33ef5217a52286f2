"""Where files are kept: one set of promises, a folder and a bucket keep them."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from moto.server import ThreadedMotoServer

from holdfast.domains.document.exceptions import StorageUnavailable
from holdfast.domains.document.ports import Storage
from holdfast.gateways.storage import Bucket, Folder, UnusableStorage, storage_at

KEY, CONTENT = "2030/0199f0c3-ab12.pdf", b"%PDF-1.7 \x00\xff"


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """A bucket of a server that speaks S3, as HOLDFAST_STORAGE_URL names it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    assert httpx.put(f"{endpoint}/papers").status_code == 200
    yield f"s3://papers/of/the-house?endpoint={endpoint}&region=us-east-1&access_key_id=none&secret_access_key=none"
    server.stop()


@pytest.fixture(params=["folder", "bucket"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    url = request.getfixturevalue("s3") if request.param == "bucket" else None
    return storage_at(url, folder=tmp_path)


async def test_what_is_put_is_got(storage: Storage) -> None:
    assert await storage.get("2030/nothing.pdf") is None
    for content in (CONTENT, CONTENT, b"another"):
        await storage.put(KEY, content)
        assert await storage.get(KEY) == content


async def test_a_key_leads_nowhere_else(tmp_path: Path) -> None:
    for key in ("../outside.pdf", "/etc/passwd", "2030/../../outside.pdf"):
        with pytest.raises(ValueError, match="out of the folder"):
            await Folder(tmp_path / "inside").put(key, CONTENT)
    assert not (tmp_path / "outside.pdf").exists()


async def test_a_storage_that_is_away_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    keys = {"access_key_id": "none", "secret_access_key": "none"}
    away = Bucket("papers", options={"endpoint": "http://127.0.0.1:9", "region": "us-east-1", **keys}, retries=0)
    for storage in (Folder(tmp_path / "file"), away):
        with pytest.raises(StorageUnavailable):
            await storage.put(KEY, CONTENT)


def test_a_url_that_names_no_storage_is_refused(tmp_path: Path) -> None:
    for url in ("gs://papers", "s3://", "papers"):
        with pytest.raises(UnusableStorage):
            storage_at(url, folder=tmp_path)
