"""users, token families, refresh tokens"""
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import CHAR, DATETIME, VARCHAR

revision = "0001"
down_revision = None

Id = CHAR(36, charset="ascii", collation="ascii_bin")
Time = DATETIME(fsp=6)


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", Id, primary_key=True),
        sa.Column("email", VARCHAR(254, charset="utf8mb4", collation="utf8mb4_bin"), nullable=False, unique=True),
        sa.Column("password_hash", VARCHAR(60, charset="ascii", collation="ascii_bin"), nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("disabled_at", Time),
    )
    op.create_table(
        "token_families",
        sa.Column("id", Id, primary_key=True),
        sa.Column("user_id", Id, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("expires_at", Time, nullable=False),
        sa.Column("revoked_at", Time),
        sa.Column("revoked_reason", VARCHAR(16)),
    )
    op.create_table(
        "refresh_tokens",
        sa.Column("token_hash", sa.BINARY(32), primary_key=True),
        sa.Column("family_id", Id, sa.ForeignKey("token_families.id"), nullable=False),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("expires_at", Time, nullable=False),
        sa.Column("rotated_at", Time),
    )


def downgrade() -> None:
    op.drop_table("refresh_tokens")
    op.drop_table("token_families")
    op.drop_table("users")
