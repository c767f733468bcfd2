-- +goose Up
-- What a second person lets past a limit: a large list of people, or runs that a
-- limit parked. Whoever asked or worked on it is never the one who decides.
CREATE TABLE lifts (
    id           text PRIMARY KEY,
    kind         text NOT NULL CHECK (kind IN ('list', 'parked')),
    flow         text NOT NULL,
    list_id      text NOT NULL DEFAULT '',
    release_id   text NOT NULL DEFAULT '',
    -- What was seen: of a list its rows, forecast and release, of parked runs which.
    hash         text NOT NULL,
    people       integer NOT NULL,
    runs         text[] NOT NULL DEFAULT '{}',
    why          text[] NOT NULL DEFAULT '{}',
    reason       text NOT NULL DEFAULT '',
    authors      text[] NOT NULL CHECK (cardinality(authors) > 0),
    asked_name   text NOT NULL DEFAULT '',
    asked_at     timestamptz NOT NULL,
    state        text NOT NULL CHECK (state IN ('open', 'approved', 'refused')),
    decided_by   text NOT NULL DEFAULT '',
    decided_name text NOT NULL DEFAULT '',
    comment      text NOT NULL DEFAULT '',
    decided_at   timestamptz,
    CHECK (state <> 'approved' OR decided_by <> '' AND decided_by <> ALL (authors))
);
CREATE INDEX lifts_newest ON lifts (id DESC);
CREATE UNIQUE INDEX lifts_open ON lifts (flow) WHERE state = 'open';

-- Runs that one person let go past a limit, for counting.
CREATE TABLE let_go (
    flow   text NOT NULL,
    run_id text NOT NULL,
    by_id  text NOT NULL,
    at     timestamptz NOT NULL
);
CREATE INDEX let_go_recent ON let_go (flow, at);

ALTER TABLE runs ADD COLUMN lifted text NOT NULL DEFAULT '';
ALTER TABLE bulk_lists ADD COLUMN authors text[] NOT NULL DEFAULT '{}', ADD COLUMN lift_id text NOT NULL DEFAULT '', ADD COLUMN started_at timestamptz;
UPDATE bulk_lists SET authors = ARRAY[by_id];

-- +goose StatementBegin
CREATE FUNCTION lift_decided() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.state <> 'open' OR NEW.authors <> OLD.authors OR NEW.hash <> OLD.hash OR NEW.runs <> OLD.runs THEN
        RAISE EXCEPTION 'What a second person decides is not changed afterwards' USING ERRCODE = 'JN001';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER lifts_decided BEFORE UPDATE ON lifts FOR EACH ROW EXECUTE FUNCTION lift_decided();

-- No run goes past a limit without a second person's yes, whatever a program does.
-- +goose StatementBegin
CREATE FUNCTION run_lifted() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM lifts l WHERE l.id = NEW.lifted AND l.state = 'approved' AND l.flow = NEW.flow
        AND (NEW.id = ANY (l.runs) OR l.kind = 'list' AND EXISTS (SELECT 1 FROM bulk_rows r WHERE r.list_id = l.list_id AND r.run_id = NEW.id))) THEN
        RAISE EXCEPTION 'A run goes past a limit only with a second person''s approval' USING ERRCODE = 'JN001';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER runs_lifted_new BEFORE INSERT ON runs FOR EACH ROW WHEN (NEW.lifted <> '') EXECUTE FUNCTION run_lifted();
CREATE TRIGGER runs_lifted BEFORE UPDATE OF lifted ON runs FOR EACH ROW WHEN (NEW.lifted <> '' AND NEW.lifted <> OLD.lifted) EXECUTE FUNCTION run_lifted();

GRANT SELECT, INSERT, UPDATE ON lifts TO joinery_app;
GRANT SELECT, INSERT ON let_go TO joinery_app;
