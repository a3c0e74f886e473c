"""The application: routes, and what every answer has in common.   uvicorn app.main:app"""
import logging
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.config import settings
from app.core.security import Busy
from app.routers import auth

log = logging.getLogger("uvicorn.error")


class SafeHeaders:
    """Keeps answers out of caches (RFC 6749 section 5.1) and browsers from guessing what they are. Plain ASGI: Starlette's
    BaseHTTPMiddleware puts each request into a task of its own, which it cancels when the client hangs up."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


app = FastAPI(title=settings.app_name)
app.router.redirect_slashes = False  # a 307 would make the client send its password or token again, to wherever Host says
app.add_middleware(SafeHeaders)
app.include_router(auth.router)


@app.exception_handler(HTTPException)
async def problem(_: Request, e: HTTPException) -> JSONResponse:
    """Errors as RFC 9457 has them; detail is also where FastAPI's clients look. It never repeats the request."""
    body = {"type": "about:blank", "title": HTTPStatus(e.status_code).phrase, "status": e.status_code, "detail": e.detail}
    return JSONResponse(body, e.status_code, getattr(e, "headers", None), "application/problem+json")


@app.exception_handler(SQLAlchemyError)
@app.exception_handler(Busy)
async def unavailable(request: Request, e: Exception) -> JSONResponse:
    """The database is away or too slow, or too many logins wait: our fault and soon over, so never a 401, and no cookie is touched."""
    log.error("unavailable: %s %s", type(e).__name__, e)
    return await problem(request, HTTPException(503, "try again soon", {"Retry-After": "1"}))
