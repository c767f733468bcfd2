-- +goose Up
-- People, their sessions, API tokens, settings, and the audit log.
-- joinery_app is the role the server runs as. It owns nothing.
GRANT USAGE ON SCHEMA public TO joinery_app;

CREATE TABLE users (
    id              text PRIMARY KEY,
    email           text NOT NULL CHECK (email = lower(email) AND length(email) <= 320),
    name            text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    password_hash   text NOT NULL,
    roles           text[] NOT NULL,
    active          boolean NOT NULL DEFAULT true,
    failed_count    integer NOT NULL DEFAULT 0,
    locked_until    timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    last_sign_in_at timestamptz
);
CREATE UNIQUE INDEX users_email ON users (email);

CREATE TABLE sessions (
    id_hash      bytea PRIMARY KEY,
    user_id      text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    csrf         text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    address      text NOT NULL DEFAULT '',
    agent        text NOT NULL DEFAULT ''
);
CREATE INDEX sessions_user ON sessions (user_id);

-- One-time links: the first administrator's set-up.
CREATE TABLE setup_links (
    token_hash bytea PRIMARY KEY,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);

-- Failed sign-ins by address, shared by all nodes.
CREATE TABLE sign_in_failures (
    address text NOT NULL,
    at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX sign_in_failures_address ON sign_in_failures (address, at);

CREATE TABLE api_tokens (
    id           text PRIMARY KEY,
    name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    hash         bytea NOT NULL UNIQUE,
    hint         text NOT NULL,
    roles        text[] NOT NULL,
    owner_id     text NOT NULL REFERENCES users (id),
    created_by   text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at   timestamptz,
    revoked_by   text
);

CREATE TABLE settings (
    key        text PRIMARY KEY,
    value      jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    updated_by text NOT NULL DEFAULT 'system'
);

GRANT SELECT, INSERT, UPDATE, DELETE ON users, sessions, setup_links, sign_in_failures, api_tokens, settings TO joinery_app;

-- The audit log. Events are appended in the act's own transaction; a sealer
-- links them into the chain, so the chain's head is never a global lock.
CREATE TABLE audit_events (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor_kind  text NOT NULL,
    actor_id    text NOT NULL,
    actor_name  text NOT NULL,
    address     text NOT NULL,
    action      text NOT NULL,
    object_kind text NOT NULL,
    object_id   text NOT NULL,
    detail      text NOT NULL
);
CREATE INDEX audit_events_action ON audit_events (action, id DESC);
CREATE INDEX audit_events_actor ON audit_events (actor_id, id DESC);
CREATE INDEX audit_events_object ON audit_events (object_kind, object_id, id DESC);

CREATE TABLE audit_unsealed (event_id bigint PRIMARY KEY);

CREATE TABLE audit_chain (
    seq      bigint PRIMARY KEY,
    event_id bigint NOT NULL UNIQUE REFERENCES audit_events (id),
    prev     text NOT NULL,
    hash     text NOT NULL
);

GRANT SELECT ON audit_events, audit_unsealed, audit_chain TO joinery_app;
GRANT SELECT ON goose_db_version TO joinery_app;

-- +goose StatementBegin
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'JN001';
END $$;
-- +goose StatementEnd

CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE ON audit_events FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON audit_events FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_chain_append_only BEFORE UPDATE OR DELETE ON audit_chain FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_chain_no_truncate BEFORE TRUNCATE ON audit_chain FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- audit_append takes arrays so that one call can write many events. Detail is
-- JSON text, kept as text: its bytes are what is hashed.
-- +goose StatementBegin
CREATE FUNCTION audit_append(actor_kind text[], actor_id text[], actor_name text[], address text[],
                             action text[], object_kind text[], object_id text[], detail text[])
    RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH added AS (
        INSERT INTO audit_events (actor_kind, actor_id, actor_name, address, action, object_kind, object_id, detail)
        SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)
        RETURNING id)
    INSERT INTO audit_unsealed (event_id) SELECT id FROM added;
$$;
-- +goose StatementEnd

-- audit_seal links up to max unsealed events into the chain and gives how many.
-- The hashed text is: seq, at (UTC, microseconds), actor kind, id, name, address,
-- action, object kind, id, detail, previous hash; each preceded by its byte length.
-- +goose StatementBegin
CREATE FUNCTION audit_seal(max integer) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    last_seq bigint; last_hash text; e record; n integer := 0; h text; f text; line text;
BEGIN
    IF NOT pg_try_advisory_xact_lock(7402913) THEN RETURN 0; END IF;
    SELECT seq, hash INTO last_seq, last_hash FROM audit_chain ORDER BY seq DESC LIMIT 1;
    IF last_seq IS NULL THEN last_seq := 0; last_hash := repeat('0', 64); END IF;
    FOR e IN SELECT a.* FROM audit_unsealed u JOIN audit_events a ON a.id = u.event_id ORDER BY a.id LIMIT max LOOP
        line := '';
        FOREACH f IN ARRAY ARRAY[(last_seq + 1)::text, to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            e.actor_kind, e.actor_id, e.actor_name, e.address, e.action, e.object_kind, e.object_id, e.detail, last_hash] LOOP
            line := line || octet_length(f) || ':' || f;
        END LOOP;
        h := encode(sha256(convert_to(line, 'UTF8')), 'hex');
        INSERT INTO audit_chain (seq, event_id, prev, hash) VALUES (last_seq + 1, e.id, last_hash, h);
        DELETE FROM audit_unsealed WHERE event_id = e.id;
        last_seq := last_seq + 1; last_hash := h; n := n + 1;
    END LOOP;
    RETURN n;
END $$;
-- +goose StatementEnd

REVOKE ALL ON FUNCTION audit_append(text[], text[], text[], text[], text[], text[], text[], text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION audit_seal(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_append(text[], text[], text[], text[], text[], text[], text[], text[]) TO joinery_app;
GRANT EXECUTE ON FUNCTION audit_seal(integer) TO joinery_app;
