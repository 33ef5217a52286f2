"""Whether a gateway may let a request through: what nginx's `auth_request` asks before it passes the request on.

Its answer says nothing of who it is: the service behind the gateway finds that out by itself.
"""

import json

from fastapi import APIRouter, Request, Response

from holdfast.api.problems import problem
from holdfast.kernel.errors import Refusal

router = APIRouter(include_in_schema=False)


@router.get("/internal/caller")
async def check_caller(request: Request) -> Response:
    """204 for a token that is good, and for none; what is wrong with it is said in headers too, since a gateway
    that asks so is not shown a body."""
    found = request.state.actor
    if not isinstance(found, Refusal):
        return Response(status_code=204)
    answer = problem(found)
    answer.headers["X-Problem-Type"] = found.problem_type()
    answer.headers["X-Problem-Title"] = json.dumps(found.title())[1:-1]
    return answer
