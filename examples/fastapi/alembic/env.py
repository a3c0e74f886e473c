"""Runs the migrations on the database of app.core.config: alembic.ini has no URL, so that no password stands in it."""
from alembic import context

from app.db import models
from app.db.base import engine

with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=models.Base.metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()
