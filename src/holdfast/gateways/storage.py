"""Where files are kept: a folder, or a bucket that speaks S3 (AWS, MinIO, Ceph, R2 …).

file by default, below the data folder
s3://bucket/prefix?endpoint=https://…&region=…    credentials as AWS's tools find them
"""

import asyncio
import contextlib
import os
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

from holdfast.domains.document.exceptions import StorageUnavailable
from holdfast.domains.document.ports import Storage

if TYPE_CHECKING:
    from obstore.store import S3Store


class UnusableStorage(ValueError):
    """HOLDFAST_STORAGE_URL names no storage that there is."""


def storage_at(url: str | None, *, folder: Path) -> Storage:
    """The storage that this URL names, the folder without one. UnusableStorage."""
    if url is None:
        return Folder(folder)
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.hostname:
        raise UnusableStorage(f"{parts.scheme}: only s3://bucket/prefix is known")
    if find_spec("obstore") is None:
        raise UnusableStorage("a bucket needs the package's extra: pip install holdfast[s3]")
    return Bucket(parts.hostname, parts.path.strip("/"), dict(parse_qsl(parts.query)))


@dataclass(frozen=True)
class Folder:
    """Readable by its owner alone; a file is there whole or not at all."""

    path: Path

    async def put(self, key: str, content: bytes) -> None:
        await asyncio.to_thread(self.write, self.at(key), content)

    async def get(self, key: str) -> bytes | None:
        try:
            return await asyncio.to_thread(self.at(key).read_bytes)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageUnavailable from error

    def at(self, key: str) -> Path:
        steps = PurePosixPath(key)
        if steps.is_absolute() or ".." in steps.parts:
            raise ValueError(f"{key!r} leads out of the folder")
        return self.path / steps

    def write(self, path: Path, content: bytes) -> None:
        fresh = path.with_name(f".{path.name}.{uuid4().hex}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                fresh.unlink()
            raise StorageUnavailable from error


@dataclass(frozen=True)
class Bucket:
    """`options` are obstore's (`endpoint`, `region`, `virtual_hosted_style_request` …)."""

    name: str
    prefix: str = ""
    options: dict[str, str] = field(default_factory=dict)
    retries: int = 3
    opened: list["S3Store"] = field(default_factory=list, repr=False, compare=False)

    @property
    def store(self) -> "S3Store":
        if not self.opened:
            from obstore.store import S3Store  # noqa: PLC0415 # only where a bucket is used

            plain = self.options.get("endpoint", "").startswith("http://")
            self.opened.append(
                S3Store(
                    self.name,
                    prefix=self.prefix or None,
                    config=self.options,  # type: ignore[arg-type] # obstore checks the names itself
                    client_options={"allow_http": plain},
                    retry_config={"max_retries": self.retries},
                )
            )
        return self.opened[0]

    async def put(self, key: str, content: bytes) -> None:
        try:
            await self.store.put_async(key, content)
        except Exception as error:  # obstore's errors have no common base but this
            raise StorageUnavailable from error

    async def get(self, key: str) -> bytes | None:
        try:
            found = await self.store.get_async(key)
            return bytes(await found.bytes_async())
        except FileNotFoundError:
            return None
        except Exception as error:
            raise StorageUnavailable from error
