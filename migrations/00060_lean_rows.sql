-- +goose Up
-- What a run costs: indexes that nothing reads, or that another one stands in for.

DROP INDEX joiners_newest; -- lists are in the order of ids, which begin with their time
-- One index finds a joiner by record and by the beginning of a worker's id.
CREATE UNIQUE INDEX joiners_record ON joiners (worker text_pattern_ops, connection);
ALTER TABLE joiners DROP CONSTRAINT joiners_connection_worker_key;
DROP INDEX joiners_worker;

DROP INDEX runs_leased; -- runs_state finds those in hand; now keeping a lease writes no index
DROP INDEX runs_order;  -- runs_joiner finds the few runs of a joiner

-- What is accepted is nearly all there is: the rest has an index of its own.
DROP INDEX events_state;
DROP INDEX events_newest;
CREATE INDEX events_other ON events (state, id DESC) WHERE state <> 'accepted';

-- Only what goes through a connection is counted for limits.
DROP INDEX intents_flow_rate;
CREATE INDEX intents_flow_rate ON intents (flow, operation, at) WHERE connection <> '';

DROP INDEX audit_events_action; -- the page reads kinds of act by their beginnings, too

-- audit_seal as before (the same hashed text); it does not read the log from its
-- beginning to find its end.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION audit_seal(max integer) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    last_seq bigint; last_hash text; e record; t text; least bigint;
    ids bigint[] := '{}'; prevs text[] := '{}'; hashes text[] := '{}'; first bigint;
BEGIN
    IF NOT pg_try_advisory_xact_lock(7402913) THEN RETURN 0; END IF;
    SELECT min(event_id) INTO least FROM audit_unsealed;
    IF least IS NULL THEN RETURN 0; END IF;
    SELECT seq, hash INTO last_seq, last_hash FROM audit_chain ORDER BY seq DESC LIMIT 1;
    IF last_seq IS NULL THEN last_seq := 0; last_hash := repeat('0', 64); END IF;
    first := last_seq + 1;
    FOR e IN
        SELECT a.id, '27:' || to_char(a.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
            || octet_length(a.actor_kind) || ':' || a.actor_kind || octet_length(a.actor_id) || ':' || a.actor_id || octet_length(a.actor_name) || ':' || a.actor_name
            || octet_length(a.address) || ':' || a.address || octet_length(a.action) || ':' || a.action || octet_length(a.object_kind) || ':' || a.object_kind
            || octet_length(a.object_id) || ':' || a.object_id || octet_length(a.detail) || ':' || a.detail || '64:' AS middle
        FROM audit_unsealed u JOIN audit_events a ON a.id = u.event_id WHERE a.id >= least ORDER BY u.event_id LIMIT max
    LOOP
        last_seq := last_seq + 1;
        t := last_seq::text;
        ids := ids || e.id; prevs := prevs || last_hash;
        last_hash := encode(sha256(convert_to(octet_length(t) || ':' || t || e.middle || last_hash, 'UTF8')), 'hex');
        hashes := hashes || last_hash;
    END LOOP;
    INSERT INTO audit_chain (seq, event_id, prev, hash) SELECT first - 1 + n, id, prev, hash FROM unnest(ids, prevs, hashes) WITH ORDINALITY AS l (id, prev, hash, n);
    DELETE FROM audit_unsealed WHERE event_id = ANY (ids);
    RETURN coalesce(array_length(ids, 1), 0);
END $$;
-- +goose StatementEnd

-- A joiner who is not read yet has no words, and adding none is work as well. Words
-- wait in a short list before they are sorted in, so that nobody sorts many at once.
DROP INDEX joiners_words;
CREATE INDEX joiners_words ON joiners USING gin (to_tsvector('simple', label || ' ' || coalesce(attributes->>'department', ''))) WITH (gin_pending_list_limit = 512) WHERE label <> '';

-- Room beside each row for its next version, which then needs no index entries.
ALTER TABLE runs SET (fillfactor = 50);
ALTER TABLE intents SET (fillfactor = 50);

-- As on the other hot tables: the check locks the joiner's row after the runs', and
-- intake locks them the other way round.
ALTER TABLE joiner_accounts DROP CONSTRAINT joiner_accounts_joiner_id_fkey;
