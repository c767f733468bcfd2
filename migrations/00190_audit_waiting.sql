-- +goose Up
-- Records that wait to be sealed wait together: a row for each call of audit_append, which
-- writes what a shared commit did for many runs, in place of one for each record.

SELECT pg_advisory_xact_lock(7402913); -- nobody seals meanwhile
CREATE TABLE audit_waiting (
    first bigint PRIMARY KEY,
    ids   bigint[] NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
LOCK TABLE audit_unsealed IN ACCESS EXCLUSIVE MODE;
INSERT INTO audit_waiting SELECT event_id, ARRAY[event_id] FROM audit_unsealed;
DROP TABLE audit_unsealed;

-- One row for each record, as before, for whoever reads.
CREATE VIEW audit_unsealed AS SELECT unnest(ids) AS event_id FROM audit_waiting;
GRANT SELECT ON audit_unsealed TO joinery_app;

-- A process of the version before may be in the middle of an append.
-- +goose StatementBegin
CREATE FUNCTION audit_wait() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO audit_waiting VALUES (NEW.event_id, ARRAY[NEW.event_id]);
    RETURN NEW;
END $$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION audit_wait() FROM PUBLIC;
CREATE TRIGGER audit_unsealed_insert INSTEAD OF INSERT ON audit_unsealed FOR EACH ROW EXECUTE FUNCTION audit_wait();

-- audit_append as before.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION audit_append(actor_kind text[], actor_id text[], actor_name text[], address text[],
                                        action text[], object_kind text[], object_id text[], detail text[])
    RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    WITH added AS (
        INSERT INTO audit_events (actor_kind, actor_id, actor_name, address, action, object_kind, object_id, detail)
        SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)
        RETURNING id)
    INSERT INTO audit_waiting SELECT min(id), array_agg(id ORDER BY id) FROM added HAVING count(*) > 0;
END $$;
-- +goose StatementEnd

-- audit_seal as before (the same hashed text). What waits together is sealed together, so
-- it may seal some more than max.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION audit_seal(max integer) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    last_seq bigint; last_hash text; e record; t text; waiting bigint[]; taken bigint[];
    ids bigint[] := '{}'; prevs text[] := '{}'; hashes text[] := '{}'; first bigint;
BEGIN
    IF NOT pg_try_advisory_xact_lock(7402913) THEN RETURN 0; END IF;
    SELECT array_agg(DISTINCT w.first), array_agg(i.id) INTO taken, waiting FROM (
        SELECT w.first, w.ids, sum(cardinality(w.ids)) OVER (ORDER BY w.first) - cardinality(w.ids) AS before FROM audit_waiting w ORDER BY w.first LIMIT max) w,
        unnest(w.ids) AS i (id) WHERE w.before < max;
    IF waiting IS NULL THEN RETURN 0; END IF;
    SELECT seq, hash INTO last_seq, last_hash FROM audit_chain ORDER BY seq DESC LIMIT 1;
    IF last_seq IS NULL THEN last_seq := 0; last_hash := repeat('0', 64); END IF;
    first := last_seq + 1;
    FOR e IN
        SELECT a.id, '27:' || to_char(a.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
            || octet_length(a.actor_kind) || ':' || a.actor_kind || octet_length(a.actor_id) || ':' || a.actor_id || octet_length(a.actor_name) || ':' || a.actor_name
            || octet_length(a.address) || ':' || a.address || octet_length(a.action) || ':' || a.action || octet_length(a.object_kind) || ':' || a.object_kind
            || octet_length(a.object_id) || ':' || a.object_id || octet_length(a.detail) || ':' || a.detail || '64:' AS middle
        FROM audit_events a WHERE a.id = ANY (waiting) ORDER BY a.id
    LOOP
        last_seq := last_seq + 1;
        t := last_seq::text;
        ids := ids || e.id; prevs := prevs || last_hash;
        last_hash := encode(sha256(convert_to(octet_length(t) || ':' || t || e.middle || last_hash, 'UTF8')), 'hex');
        hashes := hashes || last_hash;
    END LOOP;
    INSERT INTO audit_chain (seq, event_id, prev, hash) SELECT first - 1 + n, id, prev, hash FROM unnest(ids, prevs, hashes) WITH ORDINALITY AS l (id, prev, hash, n);
    DELETE FROM audit_waiting w WHERE w.first = ANY (taken);
    RETURN coalesce(array_length(ids, 1), 0);
END $$;
-- +goose StatementEnd
