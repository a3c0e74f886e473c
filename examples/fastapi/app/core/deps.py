"""What endpoints ask for before they begin: a body, credentials, cookies, the user. Each refuses with its own status."""
import json
from typing import NamedTuple

from fastapi import Depends, HTTPException, Request
from starlette.requests import ClientDisconnect

from app.core import security
from app.core.config import settings
from app.db.base import transaction
from app.db.models import User

MAX_BODY = 16 * 1024
COOKIE = "refresh_token"


class Credentials(NamedTuple):
    email: str
    password: str


def unauthorized(detail: str, error: str = "") -> HTTPException:
    """Every 401 names the scheme (RFC 9110 section 15.5.2)."""
    challenge = f'Bearer realm="{settings.app_name}"' + (f', error="{error}"' if error else "")
    return HTTPException(401, detail, {"WWW-Authenticate": challenge})


async def same_site(request: Request) -> None:
    """Refuses what a browser sends for a page of another site (CSRF). Clients that are no browsers send neither header."""
    if request.method in ("GET", "HEAD"):
        return
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        allowed = site in ("same-origin", "none")
    else:  # an older browser
        host = request.headers.get("host")
        allowed = origin is None or bool(host) and origin.partition("://")[2] == host
    if not allowed:
        raise HTTPException(403, "a page of another site may not do this")


async def read_body(request: Request) -> bytes:
    """Reads the body whole or refuses: request.body() has no limit, and a few uploads of gigabytes would end the process."""
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                raise HTTPException(413, "the body is larger than 16 KiB")
    except ClientDisconnect:
        raise HTTPException(400, "the body did not arrive in full")
    return body


def _unique(pairs: list) -> dict:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key appears twice")
    return members


def _text(members: dict, name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str):
        raise HTTPException(422, f"{name} is missing or is not a string")
    try:
        value.encode()
    except UnicodeEncodeError:  # half a surrogate pair: valid JSON, but no text
        raise HTTPException(422, f"{name} has a character that is not Unicode")
    return value


async def credentials(request: Request, body: bytes = Depends(read_body)) -> Credentials:
    """Reads a login. A pydantic model as parameter would take the last of two equal keys, which lets a proxy and us read two
    different logins in one request; and its 422 repeats the input, a password, to whoever logs answers."""
    media_type, _, charset = request.headers.get("content-type", "").lower().replace(" ", "").partition(";")
    if media_type != "application/json" or charset not in ("", "charset=utf-8", 'charset="utf-8"'):
        # A form of another site can send text/plain without asking; JSON it cannot.
        raise HTTPException(415, "the body must be sent as Content-Type: application/json, in UTF-8")
    try:
        members = json.loads(body.decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise HTTPException(400, "the body is not valid JSON, or names a key twice")
    if not isinstance(members, dict):
        raise HTTPException(422, "the body is not an object")
    email, password = _text(members, "email"), _text(members, "password")
    if len(password.encode()) > security.MAX_PASSWORD or "\0" in password:  # bcrypt would ignore the rest
        raise HTTPException(422, f"password has more than {security.MAX_PASSWORD} bytes, or a NUL")
    return Credentials(security.normalize_email(email), password)


async def refresh_tokens(request: Request) -> list[str]:
    """All refresh cookies, as they came. request.cookies keeps one of two, and an attacker on a sibling domain chooses which."""
    pairs = ";".join(request.headers.getlist("cookie")).split(";")
    return [value for name, _, value in (p.strip().partition("=") for p in pairs) if name == COOKIE]


def current_user(request: Request) -> User:
    """The user of the access token, read afresh: disabling somebody takes effect at once."""
    headers = request.headers.getlist("authorization")
    scheme, _, token = headers[0].partition(" ") if headers else ("", "", "")
    if scheme.lower() != "bearer" or not token.strip():  # FastAPI's HTTPBearer long answered 403 here
        raise unauthorized("an access token is needed, as Authorization: Bearer")
    user = None
    try:
        if len(headers) > 1:  # two proxies could each believe another one
            raise security.InvalidToken
        claims = security.read_access(token.strip())
        with transaction() as db:
            user = db.get(User, claims["sub"])
    except security.InvalidToken:
        pass
    if user is None or user.disabled_at is not None:
        raise unauthorized("the access token is not valid", error="invalid_token")
    return user
