"""A login starts a family; each refresh adds a token to it. Rows of rotated tokens stay as long as their family: by them a replay
is recognised."""
from sqlalchemy import BINARY, Column, ForeignKey
from sqlalchemy.dialects.mysql import CHAR, DATETIME, VARCHAR

from app.db.base import Base

Id = CHAR(36, charset="ascii", collation="ascii_bin")  # a random UUID
Time = DATETIME(fsp=6)  # UTC; the application's clock, never NOW()


class User(Base):
    __tablename__ = "users"
    id = Column(Id, primary_key=True)
    # Compared as bytes: MySQL's default collation holds a@b and á@b for equal.
    email = Column(VARCHAR(254, charset="utf8mb4", collation="utf8mb4_bin"), nullable=False, unique=True)
    password_hash = Column(VARCHAR(60, charset="ascii", collation="ascii_bin"), nullable=False)
    created_at = Column(Time, nullable=False)
    disabled_at = Column(Time)


class TokenFamily(Base):
    __tablename__ = "token_families"
    id = Column(Id, primary_key=True)
    user_id = Column(Id, ForeignKey("users.id"), nullable=False)
    created_at = Column(Time, nullable=False)
    expires_at = Column(Time, nullable=False)  # the absolute end; no rotation moves it
    revoked_at = Column(Time)
    revoked_reason = Column(VARCHAR(16))


class RefreshToken(Base):
    __tablename__ = "refresh_tokens"
    token_hash = Column(BINARY(32), primary_key=True)  # SHA-256; the token itself is nowhere
    family_id = Column(Id, ForeignKey("token_families.id"), nullable=False)
    created_at = Column(Time, nullable=False)
    expires_at = Column(Time, nullable=False)
    rotated_at = Column(Time)  # when its successor was made: presented after that, it is stolen
