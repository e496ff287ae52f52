"""`/admin/v1/policy`: read, check, publish and roll back the policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeVar
from urllib.parse import unquote

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ValidationError

from gateway.api import http
from gateway.api.admin.models import (
    CheckedOut,
    Draft,
    PolicyOut,
    Publication,
    PublishedOut,
    Rollback,
    Versions,
    VersionText,
)
from gateway.api.admin.render import findings, listed, policy, published, with_text
from gateway.errors import InvalidRequest, TooLarge, UnsupportedMedia
from gateway.publishing.editions import Signature, tag
from policies.document import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gateway.judging import Judge
    from gateway.publishing.publisher import Publisher

_Body = TypeVar("_Body", bound=BaseModel)
_MAX_BODY = 2 * MAX_BYTES + 10_000
"""JSON writes a line break as two characters."""
_YAML = ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml", "text/plain")
_RESPONSES: dict[int | str, dict[str, object]] = {
    401: {"description": "The admin key is missing or wrong."},
    403: {"description": "The admin API is closed; the message says why."},
    503: {"description": "The database does not answer; nothing was changed."},
}
_REPLACING = _RESPONSES | {
    409: {"description": "The policy file cannot be replaced; nothing was changed."},
    412: {
        "description": "Somebody published in between; `changes` shows what, `current` is the ETag in force."
    },
    413: {"description": f"More than {MAX_BYTES} bytes."},
    422: {"description": "The policy is refused; `findings` lists why."},
}


def _takes(model: type[BaseModel], *, yaml: bool = False) -> dict[str, object]:
    """The body of an operation, for the API's description: it is read by hand, within bounds."""
    content: dict[str, object] = {"application/json": {"schema": model.model_json_schema()}}
    if yaml:
        content["application/yaml"] = {"schema": {"type": "string"}}
    return {"requestBody": {"required": True, "content": content}}


def policy_routes(
    publisher: Publisher, judge: Judge, admit: Callable[[Mapping[str, str]], None]
) -> APIRouter:
    """The routes; `admit` raises for whoever may not use them."""

    def guard(request: Request) -> None:
        admit(request.headers)

    routes = APIRouter(prefix="/admin/v1/policy", tags=["policy"], dependencies=[Depends(guard)])
    _add_reading(routes, publisher, judge)
    _add_replacing(routes, publisher, judge)
    return routes


def _add_reading(routes: APIRouter, publisher: Publisher, judge: Judge) -> None:
    @routes.get(
        "", summary="The policy in force, with its ETag", responses=_RESPONSES, response_model=PolicyOut
    )
    async def read(request: Request, response: Response) -> PolicyOut | Response:
        live, entry = await publisher.current()
        etag = {"etag": tag(live.version, live.digest)}
        if any(kind in request.headers.get("accept", "") for kind in _YAML):
            return Response(live.text, headers=etag, media_type="application/yaml")
        response.headers.update(etag)
        return policy(live, entry, publisher)

    @routes.get(
        "/versions", summary="The versions that were in force, the newest first", responses=_RESPONSES
    )
    async def versions(
        limit: Annotated[int, Query(ge=1, le=500)] = 20, before: Annotated[int | None, Query(ge=1)] = None
    ) -> Versions:
        page = await publisher.versions(limit, before)
        full = len(page) == limit and page[-1].serial > 1
        return Versions(versions=[listed(one) for one in page], next_before=page[-1].serial if full else None)

    @routes.get("/versions/{version}", summary="One version with its text", responses=_RESPONSES)
    async def version(version: str) -> VersionText:
        return with_text(await publisher.version(version))

    @routes.post(
        "/check", summary="What publishing would do, without doing it", openapi_extra=_takes(Draft, yaml=True)
    )
    async def check(request: Request) -> CheckedOut:
        text = (
            await _posted(request, Draft) if not _is_yaml(request) else Draft(text=await _yaml(request))
        ).text
        found = await publisher.check(_bounded(text), judge.findings)
        return CheckedOut(
            valid=found.version is not None,
            version=found.version,
            findings=findings(found.findings),
            changes=dict(found.changes),
        )


def _add_replacing(routes: APIRouter, publisher: Publisher, judge: Judge) -> None:
    @routes.put(
        "",
        summary="Put a policy in force: `If-Match` names the one that it replaces",
        description="With a YAML body, `x-pointsman-author` and `x-pointsman-reason` sign it (percent-encoded UTF-8).",
        responses=_REPLACING | {428: {"description": "`If-Match` is missing."}},
        openapi_extra=_takes(Publication, yaml=True),
    )
    async def publish(request: Request, response: Response) -> PublishedOut:
        asked = await _publication(request)
        signature = Signature(asked.author, asked.reason, "api")
        done = await publisher.publish(
            _bounded(asked.text), request.headers.get("if-match"), signature, judge.findings
        )
        response.headers["etag"] = tag(done.live.version, done.live.digest)
        return published(done)

    @routes.post(
        "/rollback",
        summary="Put an earlier version in force again; `If-Match` is respected when it is sent",
        responses=_REPLACING | {404: {"description": "No such version."}},
        openapi_extra=_takes(Rollback),
    )
    async def rollback(request: Request, response: Response) -> PublishedOut:
        asked = await _posted(request, Rollback)
        if_match = request.headers.get("if-match")
        done = await publisher.rollback(asked.version, if_match, asked.author, asked.reason)
        response.headers["etag"] = tag(done.live.version, done.live.digest)
        return published(done)


async def _publication(request: Request) -> Publication:
    if not _is_yaml(request):
        return await _posted(request, Publication)
    names = {"author": "x-pointsman-author", "reason": "x-pointsman-reason"}
    signed = {
        field: unquote(request.headers[name]) for field, name in names.items() if name in request.headers
    }
    return _validated(Publication, signed | {"text": await _yaml(request)})


async def _posted(request: Request, model: type[_Body]) -> _Body:
    """The JSON body as `model`. Anything but JSON is refused: a form or plain text may come from a web page."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise UnsupportedMedia("Send the body as JSON, with `Content-Type: application/json`.")
    body = await _read(request)
    try:
        return model.model_validate_json(body)
    except ValidationError as invalid:
        raise _invalid(invalid) from invalid


def _validated(model: type[_Body], fields: dict[str, str]) -> _Body:
    try:
        return model.model_validate(fields)
    except ValidationError as invalid:
        raise _invalid(invalid) from invalid


def _invalid(invalid: ValidationError) -> InvalidRequest:
    first = invalid.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    about = f"`{field}`: " if field else ""
    return InvalidRequest(f"The request is not valid: {about}{first['msg']}. Correct it and send it again.",
                          param=field or None)  # fmt: skip


def _is_yaml(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() in _YAML


async def _yaml(request: Request) -> str:
    body = await _read(request)
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"The policy is not UTF-8 at byte {error.start}; save it as UTF-8.") from error


async def _read(request: Request) -> bytes:
    try:
        return await http.read_body(request.receive, dict(request.headers), _MAX_BODY)
    except TooLarge as error:
        raise TooLarge(f"The request is too large: a policy may have {MAX_BYTES} bytes.") from error
    except http.ClientLeft as error:
        raise InvalidRequest("The request broke off.") from error  # nobody reads it


def _bounded(text: str) -> str:
    if (size := len(text.encode())) > MAX_BYTES:
        raise TooLarge(
            f"The policy has {size} bytes; at most {MAX_BYTES} are read. Split it, or shorten its tests."
        )
    return text
