"""One process that uses the embedded server: `python guest.py DATA_DIR`; it leaves when its input ends."""

import sys
from pathlib import Path

from holdfast.gateways.embedded_postgres import EmbeddedPostgres

if __name__ == "__main__":
    with EmbeddedPostgres(Path(sys.argv[1])) as server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        sys.stdin.read()
