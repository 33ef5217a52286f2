"""The audit of the live data, over HTTP."""

from fastapi import APIRouter

from holdfast.api import problems
from holdfast.api.dependencies import HouseActor, WiringDep
from holdfast.kernel.contract import Contract
from holdfast.kernel.invariants import Finding

router = APIRouter(prefix="/api/v1/admin", tags=["operation"])


class AuditView(Contract):
    clean: bool
    findings: list[Finding]


@router.get("/invariants", responses=problems.documents())
async def audit_invariants(wired: WiringDep, actor: HouseActor) -> AuditView:
    """Every invariant checked on the live data, as `holdfast audit` does; it reads whole tables."""
    findings = await wired.audit()
    return AuditView(clean=not any(finding.breaches for finding in findings), findings=findings)
