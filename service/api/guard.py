"""Who may ask what: each request's key is looked at before its body is, and before any route."""

import math
from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import Response
from starlette.types import Scope

from service.api.problems import problem
from service.api.rates import Rates
from service.errors import Fault, InvalidInput
from service.keys import Key, KeyRing, Role

KEY_NAME = "onrecord.key"  # where a request's scope says whose key it came with
_HEADER = b"authorization"
_READS = ("GET", "HEAD")
# Path -> the role that reading wants, and that anything else wants. What lies below a path is like it; a path that is not here wants an admin.
_ROLES: Mapping[str, tuple[Role | None, Role | None]] = {
    # Nothing in these but what lies in the repository: whoever is asked for a key has to be able to read the question.
    **dict.fromkeys(("/healthz", "/readyz", "/page", "/docs", "/static-offline-docs"), (None, None)),
    **dict.fromkeys(("/v1/predict", "/predict", "/v1/articles", "/v1/documents"), (Role.PREDICT, Role.PREDICT)),
    **dict.fromkeys(("/v1/labels", "/v1/example", "/v1/model", "/openapi.json", "/metrics"), (Role.PREDICT, Role.PREDICT)),
    **dict.fromkeys(("/v1/quotes", "/v1/verdicts"), (Role.LABEL, Role.LABEL)),
    "/v1/models": (Role.PREDICT, Role.ADMIN),
    "/v1/retrains": (Role.ADMIN, Role.ADMIN),
}


def is_named(path: str) -> bool:
    """Whether somebody has said who may ask for it."""
    return path == "/" or _above(path) in _ROLES


def wanted_role(method: str, path: str) -> Role | None:
    """The role that a request needs where a service has keys; None where it needs none."""
    if path == "/":
        return None
    reading, other = _ROLES.get(_above(path), (Role.ADMIN, Role.ADMIN))
    return reading if method in _READS else other


class Guard:
    """With a key in the file, or where strangers may ask, only a key with a role that is high enough is let in, as often as it may."""

    def __init__(self, ring: KeyRing, rates: Rates, *, is_open_without_keys: bool) -> None:
        self._ring = ring
        self._rates = rates
        self._is_open_without_keys = is_open_without_keys

    def refusal(self, scope: Scope) -> Response | None:
        """The answer to a request that is not let in; otherwise its scope learns whose key it is."""
        wanted = wanted_role(scope["method"], scope["path"])
        if wanted is None:
            return None
        given = next((value for name, value in scope["headers"] if name == _HEADER), None)
        try:
            if self._is_open_without_keys and not self._ring.all():
                return None
            scheme, _, secret = (given or b"").partition(b" ")
            key = self._ring.find(secret.strip()) if scheme.lower() == b"bearer" else None
        except InvalidInput:  # the log says where and what; a stranger need not know
            sentence = "the service's file of keys cannot be understood, so nobody is let in; `python -m service keys list` says what is wrong with it"
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, sentence)
        if key is None:
            came = "nothing" if given is None else "no key of this service"  # never what came: it may be somebody's key for something else
            fault = Fault("header Authorization", came, "Bearer and a key of this service")
            return _refused(scope, HTTPStatus.UNAUTHORIZED, fault, {"WWW-Authenticate": "Bearer"})
        scope[KEY_NAME] = key.name
        return self._too_often(key) or _too_low(scope, key, wanted)

    def _too_often(self, key: Key) -> Response | None:
        seconds = self._rates.wait(key)
        if not seconds:
            return None
        sentence = f"the key {key.name} may ask {key.per_minute} times a minute; ask again in {math.ceil(seconds)} s"
        return problem(HTTPStatus.TOO_MANY_REQUESTS, sentence, headers={"Retry-After": str(math.ceil(seconds))})


def _too_low(scope: Scope, key: Key, wanted: Role) -> Response | None:
    if key.role.covers(wanted):
        return None
    return _refused(scope, HTTPStatus.FORBIDDEN, Fault(f"key {key.name}", f"the role {key.role}", f"the role {wanted}"), {})


def _refused(scope: Scope, status: HTTPStatus, fault: Fault, headers: dict[str, str]) -> Response:
    """Closes the connection where a body comes in that nobody will read: a stranger's may be without end."""
    names = {name for name, _ in scope["headers"]}
    has_body = b"transfer-encoding" in names or b"content-length" in names
    return problem(status, str(fault), [fault], headers | ({"Connection": "close"} if has_body else {}))


def _above(path: str) -> str:
    """The path of the table that it is, or lies below; "" where there is none."""
    return path if path in _ROLES else next((known for known in _ROLES if path.startswith(f"{known}/")), "")
