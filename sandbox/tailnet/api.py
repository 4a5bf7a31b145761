"""The parts that every call of the adapter shares: the request as handlers see it, and errors in the hosted API's shape."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel
from starlette.responses import JSONResponse, Response

from sandbox.tailnet.client import Control
from sandbox.tailnet.records import Records


class Body(BaseModel):
    """Body of a request: camelCase, unknown fields are an error as they are at the hosted API."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


BodyT = TypeVar("BodyT", bound=Body)


class ApiError(Exception):
    def __init__(self, status: int, message: str, data: list[dict[str, Any]] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.data = data or []

    def body(self) -> dict[str, Any]:
        return {"message": self.message, "data": self.data} if self.data else {"message": self.message}

    def response(self) -> Response:
        return JSONResponse(self.body(), self.status)


@dataclass
class Tailnet:
    """The tailnet behind the API. `lock` is held by every call: a write spans headscale and the records."""

    home: Path
    control: Control
    domain: str
    lock: threading.Lock = field(default_factory=threading.Lock)
    restored: bool = False

    def records(self) -> Records:
        return Records.read(self.home)


@dataclass(frozen=True)
class Call:
    """One authenticated request."""

    tailnet: Tailnet
    headers: Mapping[str, str]
    params: Mapping[str, str]
    content: bytes
    # The tags for which the caller may mint keys; None: it may do everything.
    tags: frozenset[str] | None = None

    def body(self, model: type[BodyT]) -> BodyT:
        """The body as `model`; 400 with the first problem, worded as the hosted API (Go's JSON decoder) words it."""
        try:
            return model.model_validate(json.loads(self.content))
        except ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(str(part) for part in problem["loc"])
            if problem["type"] == "extra_forbidden":
                raise ApiError(400, f'json: unknown field "{problem["loc"][-1]}"') from error
            raise ApiError(400, f"{where}: {problem['msg']}") from error
        except ValueError as error:
            raise ApiError(400, f"invalid JSON: {error}") from error


def ok(content: Any) -> Response:
    return JSONResponse(content)
