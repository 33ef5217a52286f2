"""Programs of the tests that are JavaScript's, with what their lock files name."""

import fcntl
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest


def installed(folder: Path, *, what: str) -> Path:
    """The folder with its packages, installed by the first worker that asks; without npm a skip says `what`."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: {what}")
    with (Path(tempfile.gettempdir()) / f"holdfast-npm-{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        marker, wanted = folder / "node_modules/.package-lock.json", folder / "package-lock.json"
        if not marker.exists() or marker.stat().st_mtime < wanted.stat().st_mtime:
            command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"npm ci failed: {what}: {done.stderr[-300:]}")
    return folder
