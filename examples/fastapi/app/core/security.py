"""Passwords and tokens: what they are and when they are valid. No HTTP and no database here."""
import hashlib
import hmac
import os
import secrets
import threading
from datetime import datetime, timezone

import bcrypt
import jwt
from jwt.utils import base64url_decode, base64url_encode

from app.core.config import settings

# Access tokens are signed with JWT_SECRET_KEY itself, so that another service can verify them. Refresh tokens have a key derived
# from it, so that neither kind can pass for the other even if every further check were forgotten.
ACCESS_KEY = settings.secret
REFRESH_KEY = hmac.digest(settings.secret, b"jwt-toy refresh token", "sha512")
REFRESH_AUDIENCE = "jwt-toy-refresh"

MAX_TOKEN = 4096  # ours have fewer than 700 characters; more is not worth parsing
MAX_PASSWORD = 72  # bytes: bcrypt looks at no more


class InvalidToken(Exception):
    """Not ours, of the wrong kind, malformed or expired. Nobody outside is told which."""


class Busy(Exception):
    """Too many logins at once."""


def utcnow() -> datetime:
    """The time as DATETIME columns have it: UTC, without a zone."""
    return datetime.now(timezone.utc).replace(tzinfo=None)


def normalize_email(email: str) -> str:
    """Trims and lowers ASCII letters only: str.lower would make the Kelvin sign a k, and two people one user."""
    return email.strip().encode().lower().decode()


# bcrypt releases the GIL and fills a core for a quarter of a second. One core stays free for refreshes, and at most half of the
# 40 threads in which sync endpoints run may wait here: otherwise a burst of logins stops everything.
_slots = threading.BoundedSemaphore(max(1, (os.cpu_count() or 1) - 1))
_queue = threading.BoundedSemaphore(20)


def hash_password(password: str) -> str:
    raw = password.encode()
    if len(raw) > MAX_PASSWORD:  # older bcrypts cut silently: 72 bytes and any tail would log in
        raise ValueError(f"a password has at most {MAX_PASSWORD} bytes")
    return bcrypt.hashpw(raw, bcrypt.gensalt(settings.bcrypt_cost)).decode()


_DUMMY_HASH = hash_password(secrets.token_urlsafe(16))


def check_password(password: str, password_hash: str | None) -> bool:
    """Compares; without a hash (an unknown user) it does the same work, so that the time does not tell who has an account."""
    if not _queue.acquire(blocking=False):
        raise Busy
    try:
        with _slots:
            same = bcrypt.checkpw(password.encode(), (password_hash or _DUMMY_HASH).encode())
    finally:
        _queue.release()
    return same and password_hash is not None


def fingerprint(refresh_token: str) -> bytes:
    """What the database keeps of a refresh token: whoever reads a backup cannot use it. No salt: the token is random enough."""
    return hashlib.sha256(refresh_token.encode()).digest()


def _seconds(t: datetime) -> int:
    return int(t.replace(tzinfo=timezone.utc).timestamp())


def _sign(typ: str, key: bytes, audience: str, now: datetime, expires: datetime, **claims) -> str:
    claims.update(iss=settings.issuer, aud=audience, iat=_seconds(now), exp=_seconds(expires), jti=secrets.token_urlsafe(32))
    return jwt.encode(claims, key, algorithm=settings.algorithm, headers={"typ": typ})


def _read(raw: str, typ: str, key: bytes, audience: str, verify_exp: bool) -> dict:
    try:
        # Python's base64 skips characters it does not know and ignores spare bits, so that one token would have many spellings,
        # each with another fingerprint. Only the spelling that we wrote is ours.
        parts = raw.encode("ascii").split(b".")
        if len(raw) > MAX_TOKEN or len(parts) != 3 or any(base64url_encode(base64url_decode(p)) != p for p in parts):
            raise InvalidToken
        token = jwt.api_jwt.decode_complete(
            raw, key, algorithms=[settings.algorithm],  # ours, whatever the header says
            audience=audience, issuer=settings.issuer, leeway=0,
            # iat is not compared: a second between the clocks of two machines is no forgery.
            options={"require": ["iss", "aud", "sub", "iat", "exp", "jti"], "verify_exp": verify_exp, "verify_iat": False},
        )
    except Exception as e:  # deep nesting and odd types raise more than PyJWTError; whatever it is, the token is not valid
        raise InvalidToken from e
    header, claims = token["header"], token["payload"]
    if header.get("typ") != typ or "crit" in header:  # PyJWT looks at no typ; we know no critical extension (RFC 7515 section 4.1.11)
        raise InvalidToken
    # PyJWT takes "1700000000" in quotation marks for a time, and did take any sub.
    if type(claims["exp"]) is not int or type(claims.get("nbf", 0)) is not int or type(claims["sub"]) is not str:
        raise InvalidToken
    return claims


def make_access(user_id: str, now: datetime) -> str:
    return _sign("at+jwt", ACCESS_KEY, settings.audience, now, now + settings.access_ttl, sub=user_id)


def read_access(raw: str) -> dict:
    return _read(raw, "at+jwt", ACCESS_KEY, settings.audience, verify_exp=True)


def make_refresh(user_id: str, family_id: str, now: datetime, expires: datetime) -> str:
    return _sign("rt+jwt", REFRESH_KEY, REFRESH_AUDIENCE, now, expires, sub=user_id, fam=family_id)


def read_refresh(raw: str) -> dict:
    """Says whether we issued it. Whether it lives, its rows say: a token rotated long ago must end its family past its exp too."""
    return _read(raw, "rt+jwt", REFRESH_KEY, REFRESH_AUDIENCE, verify_exp=False)
