-- One statement for each file, and IF NOT EXISTS: MySQL commits every DDL statement, so a migration that was killed half-way must
-- be repeatable. Ids, hashes and e-mails are bytes, which both engines compare byte by byte; SQLite stores them as BLOB, because
-- its affinity for these type names converts only text. Times are UTC microseconds since 1970.

-- +goose Up
CREATE TABLE IF NOT EXISTS users (
    id            BINARY(16)     NOT NULL PRIMARY KEY,
    email         VARBINARY(254) NOT NULL UNIQUE,
    password_hash VARBINARY(100) NOT NULL,
    created_at    BIGINT         NOT NULL,
    last_login_at BIGINT         NULL,
    disabled_at   BIGINT         NULL
);

-- +goose Down
DROP TABLE IF EXISTS users;
