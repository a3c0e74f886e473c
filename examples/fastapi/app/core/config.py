"""Settings, under the names of the original project's .env. What cannot work is refused at start, not at the first login."""
import os
import re
import sys
from datetime import timedelta

from dotenv import load_dotenv

load_dotenv(".env", interpolate=False)  # a $ in a password is a $; the environment wins over the file

MIN_SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}  # RFC 7518 section 3.2


def _text(name: str, default: str = "") -> str:
    return os.environ.get(name) or default


def _count(name: str, default: int, least: int, most: int) -> int:
    value = _text(name, str(default))
    if not re.fullmatch("[0-9]{1,4}", value) or not least <= int(value) <= most:
        sys.exit(f"{name} is {value!r}. Use a whole number from {least} to {most}.")
    return int(value)


def _duration(name: str) -> timedelta | None:
    """Reads 90s, 15m or 12h, for lifetimes that minutes and days are too coarse for."""
    value = _text(name)
    found = re.fullmatch(r"([1-9][0-9]{0,6})([smh])", value)
    if value and not found:
        sys.exit(f"{name} is {value!r}. Use a number and a unit: 90s, 15m or 12h.")
    return found and timedelta(seconds=int(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]])


class Settings:
    app_name = _text("APP_NAME", "jwt-toy")
    env = _text("ENV", "dev")
    secure_cookie = env != "dev"  # Secure cookies want https, which a developer's machine seldom has
    issuer = _text("JWT_ISSUER", "jwt-toy")
    audience = _text("JWT_AUDIENCE", "jwt-toy-client")
    access_ttl = _duration("ACCESS_TOKEN_TTL") or timedelta(minutes=_count("ACCESS_TOKEN_EXPIRES_MIN", 15, 1, 1440))
    refresh_ttl = _duration("REFRESH_TOKEN_TTL") or timedelta(days=_count("REFRESH_TOKEN_EXPIRES_DAYS", 30, 1, 400))
    session_max_ttl = _duration("SESSION_MAX_TTL") or timedelta(days=90)
    algorithm = _text("JWT_ALGORITHM", "HS256")
    secret = _text("JWT_SECRET_KEY").encode()
    database_url = _text("DATABASE_URL")
    bcrypt_cost = _count("BCRYPT_COST", 12, 4, 15)


settings = Settings()

if settings.algorithm not in MIN_SECRET_BYTES:  # above all not "none"; and never what a token's own header says
    sys.exit(f"JWT_ALGORITHM is {settings.algorithm!r}. Use HS256, HS384 or HS512.")
need = MIN_SECRET_BYTES[settings.algorithm]
if len(settings.secret) < need or settings.secret.startswith(b"CHANGE_ME"):
    # A short or published secret is found offline from a single token; then anybody signs in as anybody.
    sys.exit(f"JWT_SECRET_KEY is missing, a placeholder, or shorter than {need} bytes. Make one: openssl rand -hex {need}")
if not settings.database_url.startswith("mysql+pymysql://"):
    sys.exit("DATABASE_URL is missing or of another kind. Use mysql+pymysql://user:password@host:3306/database")
