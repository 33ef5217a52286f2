"""CPU time beside wall time: what others do on the machine changes the second, hardly the first."""

from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Spent:
    """Seconds of CPU until now: of the server, of the database, and of the whole machine."""

    server: float
    database: float
    machine: float

    def since(self, before: "Spent") -> "Spent":
        return Spent(self.server - before.server, self.database - before.database, self.machine - before.machine)


def spent(server: int | None, database: int) -> Spent:
    busy = psutil.cpu_times()
    return Spent(family(server) if server else 0.0, family(database), busy.user + busy.system + busy.nice)


def family(pid: int) -> float:
    """Of a process and all below it, those that ended included: their parent inherits their times."""
    total = 0.0
    parent = psutil.Process(pid)
    for process in (parent, *parent.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        # the dead are counted on Linux alone
        dead = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
        total += times.user + times.system + dead
    return total
