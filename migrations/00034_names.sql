-- +goose Up
-- Names that joiners hold, one row for each name in each name space. A name that is
-- not released is held by one only; released rows tell who held it before.
CREATE TABLE reservations (
    id            text PRIMARY KEY,
    space         text NOT NULL CHECK (space ~ '^[a-z][a-z0-9_]{0,62}$'),
    key           text COLLATE "C" NOT NULL CHECK (key <> ''),
    -- The place (an OU) in which names of this space are told apart; '' for everywhere.
    within        text COLLATE "C" NOT NULL DEFAULT '',
    name          text NOT NULL CHECK (length(name) BETWEEN 1 AND 512),
    -- The names of a joiner that were held together.
    set_id        text NOT NULL,
    -- Whose it is: a joiner; '' for a name that was found in use in a system.
    joiner_id     text NOT NULL DEFAULT '',
    -- The mark on the accounts of whoever it was held for first.
    stamp         text NOT NULL DEFAULT '',
    run_id        text NOT NULL DEFAULT '',
    node          text NOT NULL DEFAULT '',
    policy        text NOT NULL DEFAULT '',
    found_in      text NOT NULL DEFAULT '',
    state         text NOT NULL CHECK (state IN ('held', 'confirmed', 'tombstone', 'found', 'released')),
    -- When the state ends by itself; null for never. A hold does not end while its
    -- run is under way.
    until         timestamptz,
    -- Seconds: how long it is held, kept after its holder left (0: for ever), and
    -- kept after its holder never came.
    hold_for      bigint NOT NULL DEFAULT 0,
    keep_for      bigint NOT NULL DEFAULT 0,
    rescind_for   bigint NOT NULL DEFAULT 0,
    reason        text NOT NULL DEFAULT '',
    claimed_at    timestamptz NOT NULL DEFAULT now(),
    confirmed_at  timestamptz,
    changed_at    timestamptz NOT NULL DEFAULT now(),
    CHECK ((state = 'found') = (joiner_id = '') OR state = 'released')
);
CREATE UNIQUE INDEX reservations_one ON reservations (space, key, within) WHERE state <> 'released';
CREATE INDEX reservations_space ON reservations (space, id DESC);
CREATE INDEX reservations_key ON reservations (key);
CREATE INDEX reservations_joiner ON reservations (joiner_id) WHERE joiner_id <> '';
CREATE INDEX reservations_run ON reservations (run_id) WHERE run_id <> '';
CREATE INDEX reservations_until ON reservations (until) WHERE until IS NOT NULL AND state <> 'released';
ALTER TABLE reservations SET (fillfactor = 85);

-- By which equality the names of a space are told apart: one for all policies.
CREATE TABLE name_spaces (
    space    text PRIMARY KEY,
    equality text NOT NULL
);

GRANT SELECT, INSERT, UPDATE ON reservations TO joinery_app;
GRANT SELECT, INSERT ON name_spaces TO joinery_app;
