"""Adds the two demonstration users.   python3 -m scripts.seed_user"""
import sys
import uuid

from sqlalchemy import select

from app.core import security
from app.core.config import settings
from app.db.base import transaction
from app.db.models import User

USERS = {"alice@example.com": "alice-demo-password", "bob@example.com": "bob-demo-password"}


def main() -> None:
    if settings.env != "dev":
        sys.exit(f"ENV is {settings.env}: these passwords are public, so they are for dev alone.")
    with transaction() as db:
        for email, password in USERS.items():
            if db.execute(select(User).where(User.email == email)).scalar_one_or_none():
                print(email, "is there already")
                continue
            db.add(User(id=str(uuid.uuid4()), email=email, password_hash=security.hash_password(password), created_at=security.utcnow()))
            print(email, "added, password", password)


if __name__ == "__main__":
    main()
