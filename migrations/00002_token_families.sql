-- One row for each login. Rotation updates it in place and touches no index but the primary key. The two UNIQUE constraints
-- are trivially true and serve as indexes, for the families of a user and for cleanup by age: MySQL and SQLite share no other
-- way to declare an index inside CREATE TABLE.

-- +goose Up
CREATE TABLE IF NOT EXISTS token_families (
    family_id           BINARY(16)  NOT NULL PRIMARY KEY,
    user_id             BINARY(16)  NOT NULL,
    generation          BIGINT      NOT NULL,
    token_hash          BINARY(32)  NOT NULL,
    created_at          BIGINT      NOT NULL,
    rotated_at          BIGINT      NOT NULL,
    expires_at          BIGINT      NOT NULL,
    absolute_expires_at BIGINT      NOT NULL,
    revoked_at          BIGINT      NULL,
    revoked_reason      VARCHAR(32) NULL,
    UNIQUE (user_id, family_id),
    UNIQUE (absolute_expires_at, family_id),
    FOREIGN KEY (user_id) REFERENCES users (id)
);

-- +goose Down
DROP TABLE IF EXISTS token_families;
