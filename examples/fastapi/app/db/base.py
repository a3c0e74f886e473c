"""The connection pool and the transaction."""
from sqlalchemy import create_engine
from sqlalchemy.orm import declarative_base, sessionmaker

from app.core.config import settings

Base = declarative_base()

engine = create_engine(
    settings.database_url,
    future=True,
    isolation_level="READ COMMITTED",  # for fewer gap locks; what must hold, the family's row lock holds at any level
    pool_size=20,  # per worker; all workers together stay below MySQL's max_connections (151)
    max_overflow=0,
    pool_timeout=5,  # then 503, rather than a queue without end
    pool_pre_ping=True,  # a connection that died with a restart of MySQL is replaced, not handed out
    hide_parameters=True,  # else an error's text, and so the log, holds e-mails and hashes
    connect_args={
        "connect_timeout": 3, "read_timeout": 8, "write_timeout": 8,
        "init_command": "SET SESSION innodb_lock_wait_timeout = 5",
    },
)

# with transaction() as db: commits at the end of the block, rolls back if an exception leaves it, and gives the connection back.
# Not a dependency with yield: FastAPI has moved its end before and after the answer between versions, and an answer that is sent
# before the commit is a lie when the commit fails.
transaction = sessionmaker(engine, future=True, expire_on_commit=False).begin
