"""Queued jobs that were given up are seen, counted, and run again."""

from datetime import timedelta

import httpx

from holdfast.kernel.database import transaction
from holdfast.kernel.jobs import MAX_ATTEMPTS, Handler, Job, Queue, enqueue
from holdfast.kernel.telemetry import JOBS_GIVEN_UP
from holdfast.wiring import Wiring
from holdfast.worker import measure_waiting
from tests.clock import SettableClock
from tests.house import STAFF, House, Json, bearer

JOBS = "/api/v1/admin/jobs"
SAY = "say"


async def fail(job: Job) -> None:
    raise LookupError("no such guest")


async def test_staff_sees_what_was_given_up_and_has_it_run_again(
    wired: Wiring, house: House, clock: SettableClock
) -> None:
    said: list[Job] = []

    async def say(job: Job) -> None:
        said.append(job)

    async with wired.sessions() as db, transaction(db):
        job_id = str(await enqueue(db, SAY, {"word": "hello"}, now=clock.now()))
    wanted_at = clock.now()
    assert await listed(house.client) == []
    for _ in range(MAX_ATTEMPTS):
        await drained(wired, fail)
        clock.advance(timedelta(hours=1))
    (job,) = await listed(house.client)
    assert (job["id"], job["name"], job["status"], job["attempts"]) == (job_id, SAY, "given_up", MAX_ATTEMPTS)
    assert (job["last_error"], job["done_at"]) == ("LookupError('no such guest')", None)
    assert job["created_at"] == f"{wanted_at:%Y-%m-%dT%H:%M:%SZ}" < job["given_up_at"]
    assert "payload" not in job
    assert await measured(wired) == 1
    await drained(wired, say)
    assert said == [], "it is not run by itself any more"

    again = (await house.client.post(f"{JOBS}/{job_id}/replay")).json()
    assert (again["status"], again["attempts"], again["given_up_at"]) == ("waiting", 0, None)
    assert await measured(wired) == 0
    assert [each["id"] for each in await listed(house.client, "waiting")] == [job_id]
    await drained(wired, say)
    assert [each.payload for each in said] == [{"word": "hello"}]
    assert [each["id"] for each in await listed(house.client, "done")] == [job_id]
    assert await listed(house.client) == []


async def test_a_replay_is_on_record_and_a_refused_one_changes_nothing(
    wired: Wiring, house: House, clock: SettableClock
) -> None:
    async with wired.sessions() as db, transaction(db):
        job_id = str(await enqueue(db, SAY, {}, now=clock.now()))
    early = await house.client.post(f"{JOBS}/{job_id}/replay")
    said = early.json()
    assert (said["type"], said["status"], said["state"]) == ("job-not-given-up", 409, "waiting")
    unknown = await house.client.post(f"{JOBS}/00000000-0000-0000-0000-000000000001/replay")
    assert (unknown.status_code, unknown.json()["type"]) == (404, "job-not-found")
    assert await replays(house.client) == []

    for _ in range(MAX_ATTEMPTS):
        await drained(wired, fail)
        clock.advance(timedelta(hours=1))
    assert (await house.client.post(f"{JOBS}/{job_id}/replay")).status_code == 200
    assert (await house.client.post(f"{JOBS}/{job_id}/replay")).status_code == 409
    (act,) = await replays(house.client)
    assert (act["subject_type"], act["subject_id"], act["actor_id"]) == (SAY, job_id, str(STAFF.id))
    assert act["before"] == {"last_error": "LookupError('no such guest')"}


async def drained(wired: Wiring, handler: Handler) -> None:
    queue = Queue(wired.sessions, {SAY: handler}, wired.clock, timedelta(minutes=1), timedelta(minutes=1))
    await queue.drain()


async def listed(client: httpx.AsyncClient, status: str | None = None) -> list[Json]:
    answer = await client.get(JOBS, params={"status": status} if status else {})
    assert answer.status_code == 200, answer.text
    page = answer.json()
    assert page["total"] == len(page["items"])
    return [each for each in page["items"] if each["name"] == SAY]


async def replays(client: httpx.AsyncClient) -> list[Json]:
    answer = await client.get("/api/v1/admin/audit", headers=bearer("admin"), params={"action": "job.replayed"})
    return list(answer.json()["items"])


async def measured(wired: Wiring) -> float:
    """As the worker's own job sets it."""
    await measure_waiting(wired)
    (metric,) = JOBS_GIVEN_UP.collect()
    return metric.samples[0].value
