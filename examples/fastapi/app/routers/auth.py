"""Login, refresh, logout, and the caller's own data. Sync endpoints: each runs in a thread, since PyMySQL and bcrypt block; and a
client that hangs up stops no thread, so a thief cannot replay a token, hang up, and so prevent the revocation."""
import logging
import uuid
from datetime import datetime

from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import security
from app.core.config import settings
from app.core.deps import COOKIE, Credentials, credentials, current_user, read_body, refresh_tokens, same_site, unauthorized
from app.db.base import transaction
from app.db.models import RefreshToken, TokenFamily, User

log = logging.getLogger("uvicorn.error")  # ids only: whoever reads a log must find no token, password or e-mail in it
router = APIRouter(dependencies=[Depends(same_site), Depends(read_body)])


def set_cookie(response: Response, value: str, max_age: int) -> Response:
    """The one shape of the cookie, for set, rotation and deletion: with another path or flag a browser keeps two of one name.
    HttpOnly hides it from scripts, Strict from other sites, the path from all but these endpoints."""
    response.set_cookie(COOKIE, value, max_age=max_age, path="/auth", secure=settings.secure_cookie, httponly=True, samesite="strict")
    return response


def issue(db: Session, family: TokenFamily, now: datetime) -> Response:
    """Adds a token to a family, and makes the answer that brings it. Before the commit: afterwards nothing may fail."""
    expires = min(now + settings.refresh_ttl, family.expires_at)  # the absolute end holds for every token
    refresh_token = security.make_refresh(family.user_id, family.id, now, expires)
    db.add(RefreshToken(token_hash=security.fingerprint(refresh_token), family_id=family.id, created_at=now, expires_at=expires))
    body = {
        "access_token": security.make_access(family.user_id, now),
        "token_type": "Bearer",
        "expires_in": int(settings.access_ttl.total_seconds()),
    }
    # The refresh token travels in the cookie and nowhere else: a body is what scripts read.
    return set_cookie(JSONResponse(body), refresh_token, max(1, int((expires - now).total_seconds())))


@router.post("/auth/login")
def login(given: Credentials = Depends(credentials)) -> Response:
    with transaction() as db:  # ends before the password is hashed: a connection is not held for a quarter of a second
        user = db.execute(select(User).where(User.email == given.email)).scalar_one_or_none()
    enabled = user is not None and user.disabled_at is None
    if not security.check_password(given.password, user.password_hash if enabled else None):
        log.warning("login refused: user %s", user.id if user else "unknown")
        raise unauthorized("e-mail or password is wrong")  # one answer, or it tells who has an account
    now = security.utcnow()
    with transaction() as db:
        family = TokenFamily(id=str(uuid.uuid4()), user_id=user.id, created_at=now, expires_at=now + settings.session_max_ttl)
        db.add(family)
        db.flush()  # the family's row first: the token's row refers to it
        answer = issue(db, family, now)
    return answer


@router.post("/auth/refresh")
def refresh(tokens: list[str] = Depends(refresh_tokens)) -> Response:
    refused = unauthorized("log in again")  # one answer: a thief learns nothing about the token he tries
    if len(tokens) != 1:  # two cookies: a sibling domain set one of them, and either may be the wrong one to use or to punish
        raise refused
    try:
        family_id = security.read_refresh(tokens[0])["fam"]
    except security.InvalidToken:  # not ours: it never reaches the database, and ends nobody's session
        raise refused
    # rotate returns and does not raise: an exception would leave the block, and roll back the revocation that it had just made.
    # The 401 is raised when the block has ended, that is when the revocation is committed; if the commit fails, it is a 503.
    with transaction() as db:
        answer = rotate(db, family_id, security.fingerprint(tokens[0]))
    if answer is None:
        raise refused
    return answer


def rotate(db: Session, family_id: str, token_hash: bytes) -> Response | None:
    """Exchanges the live token of a family for its successor. None: refused, and if it was a replay, the family is revoked.

    The family's row is locked first, then the token's, so that every refresh, replay and logout of one family waits for the others.
    Without locks two callers both read "not rotated" and both win. With a lock on the token alone, a rotation that has read the
    family just before a logout or a replay revokes it still hands out a pair after that was answered.
    """
    family = lock_family(db, family_id)
    now = security.utcnow()  # after the lock: waiting for it may have taken a while
    if family is None or family.revoked_at is not None or family.expires_at <= now:
        return None
    token = db.execute(select(RefreshToken).where(RefreshToken.token_hash == token_hash).with_for_update()).scalar_one_or_none()
    if token is None:  # ours by its signature, but its row is gone, as after a restored backup: nobody's theft
        return None
    if token.rotated_at is not None:
        # It was exchanged before, so somebody holds a copy, and nobody can say whether thief or owner: the whole family ends
        # (RFC 9700 section 4.14.2). Asked before its expiry: an old token is as stolen as a fresh one.
        family.revoked_at, family.revoked_reason = now, "reuse"
        log.warning("reuse: family %s of user %s is revoked", family.id, family.user_id)
        return None
    user = db.get(User, family.user_id)
    if token.expires_at <= now or user.disabled_at is not None:
        return None
    token.rotated_at = now
    return issue(db, family, now)


def lock_family(db: Session, family_id: str) -> TokenFamily | None:
    return db.execute(select(TokenFamily).where(TokenFamily.id == family_id).with_for_update()).scalar_one_or_none()


@router.post("/auth/logout")
def logout(tokens: list[str] = Depends(refresh_tokens)) -> Response:
    """Ends the family of every genuine cookie, whatever its age; needs no access token, which may have expired. The cookie is deleted
    when that is committed: until then it is what the user needs to try again."""
    families = set()
    for token in tokens:
        try:
            families.add(security.read_refresh(token)["fam"])
        except security.InvalidToken:
            pass  # nothing of ours to end
    for family_id in sorted(families):
        with transaction() as db:  # one at a time, so that two logouts never wait for each other's locks
            family = lock_family(db, family_id)
            if family is not None and family.revoked_at is None:
                family.revoked_at, family.revoked_reason = security.utcnow(), "logout"
    return set_cookie(Response(status_code=204), "", 0)


@router.get("/me")
def me(user: User = Depends(current_user)) -> dict:
    return {"id": user.id, "email": user.email}
