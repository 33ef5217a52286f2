"""Password hashes: Argon2id, off the event loop, a bounded number at once."""

import asyncio
import secrets
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher


class Passwords:
    """Hashes and verifies. Memory is `memory_kib` times `at_once` at most; others wait their turn.

    The defaults are the first that OWASP's Password Storage Cheat Sheet names for Argon2id: 48 ms here, where RFC
    9106's take 450 ms of four cores. A hash made with other parameters is replaced when its owner signs in.
    """

    def __init__(
        self, *, time_cost: int = 2, memory_kib: int = 19_456, parallelism: int = 1, at_once: int = 4
    ) -> None:
        self.hasher = PasswordHash((Argon2Hasher(time_cost, memory_kib, parallelism),))
        self.pool = ThreadPoolExecutor(at_once, thread_name_prefix="argon2")
        parameters = f"m={memory_kib},t={time_cost},p={parallelism}"
        self.nobodys = f"$argon2id$v=19${parameters}${unpadded(16)}${unpadded(32)}"

    async def hash(self, password: str) -> str:
        return await asyncio.get_running_loop().run_in_executor(self.pool, self.hasher.hash, password)

    async def verify(self, password: str, password_hash: str | None) -> tuple[bool, str | None]:
        """Whether it is the one, and the hash to keep instead where parameters have changed.

        Without a hash the answer is no, and takes as long.
        """
        kept = password_hash or self.nobodys
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.pool, self.hasher.verify_and_update, password, kept)


def unpadded(size: int) -> str:
    """Random bytes as Argon2's encoding writes them."""
    return b64encode(secrets.token_bytes(size)).decode().rstrip("=")
