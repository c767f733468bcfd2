-- +goose Up
-- Tests of a flow's revision against past joiners. The row is the job: it is taken
-- under a lease like a run, and ended with its report.
CREATE TABLE backtests (
    id           text PRIMARY KEY,
    flow         text NOT NULL,
    revision     integer NOT NULL,
    -- The content that is tested, and the hash over it and its parts (the root that a
    -- release of both would have).
    hash         text NOT NULL,
    root         text NOT NULL,
    pins         text NOT NULL,
    -- The release it is compared with; '' when nothing is live.
    base_release text NOT NULL DEFAULT '',
    -- Against how many joiners, and the runs that were chosen then.
    joiners      integer NOT NULL CHECK (joiners > 0),
    runs         text[] NOT NULL DEFAULT '{}',
    live         boolean NOT NULL DEFAULT true,
    state        text NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'canceled')),
    looked       integer NOT NULL DEFAULT 0,
    owner        text NOT NULL DEFAULT '',
    beat_at      timestamptz,
    tries        integer NOT NULL DEFAULT 0,
    error        text NOT NULL DEFAULT '',
    report       text,
    report_hash  text NOT NULL DEFAULT '',
    milliseconds bigint NOT NULL DEFAULT 0,
    by_id        text NOT NULL CHECK (by_id <> ''),
    by_name      text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    ended_at     timestamptz
);
CREATE INDEX backtests_flow ON backtests (flow, id DESC);
CREATE INDEX backtests_root ON backtests (root) WHERE state = 'done';
CREATE INDEX backtests_due ON backtests (id) WHERE state IN ('queued', 'running');

-- The joiners of a report. They are deleted when its time is over; sums and hash stay.
CREATE TABLE backtest_people (
    backtest_id text NOT NULL REFERENCES backtests (id),
    n           integer NOT NULL,
    joiner_id   text NOT NULL,
    run_id      text NOT NULL,
    differs     boolean NOT NULL,
    kinds       text[] NOT NULL DEFAULT '{}',
    line        text NOT NULL,
    PRIMARY KEY (backtest_id, n)
);
CREATE INDEX backtest_people_joiner ON backtest_people (joiner_id);

-- A backtest begins as a wish, never as a result; what it is about never changes, and
-- what has ended stays as it ended.
-- +goose StatementBegin
CREATE FUNCTION backtest_rule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'queued' OR NEW.report IS NOT NULL THEN
            RAISE EXCEPTION 'A backtest is refused: it has to begin without a result' USING ERRCODE = 'JN001';
        END IF;
        IF NOT EXISTS (SELECT 1 FROM revisions WHERE kind = 'flow' AND key = NEW.flow AND revision = NEW.revision AND hash = NEW.hash) THEN
            RAISE EXCEPTION 'A backtest is refused: its hash is not the hash of the revision' USING ERRCODE = 'JN001';
        END IF;
        IF NEW.root <> encode(sha256(convert_to(NEW.hash || E'\n' || NEW.pins, 'UTF8')), 'hex') THEN
            RAISE EXCEPTION 'A backtest is refused: its root is not the hash of its content and pins' USING ERRCODE = 'JN001';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.id, NEW.flow, NEW.revision, NEW.hash, NEW.root, NEW.pins, NEW.base_release, NEW.joiners, NEW.runs, NEW.by_id)
       IS DISTINCT FROM (OLD.id, OLD.flow, OLD.revision, OLD.hash, OLD.root, OLD.pins, OLD.base_release, OLD.joiners, OLD.runs, OLD.by_id) THEN
        RAISE EXCEPTION 'What a backtest is about cannot change' USING ERRCODE = 'JN001';
    END IF;
    IF OLD.state IN ('done', 'failed', 'canceled') AND (NEW.state, NEW.report, NEW.report_hash) IS DISTINCT FROM (OLD.state, OLD.report, OLD.report_hash) THEN
        RAISE EXCEPTION 'A backtest that has ended stays as it ended' USING ERRCODE = 'JN001';
    END IF;
    IF NEW.state = 'done' AND (OLD.state NOT IN ('running', 'done') OR NEW.report IS NULL OR NEW.report_hash = '') THEN
        RAISE EXCEPTION 'A backtest is done when it was carried out and has a report' USING ERRCODE = 'JN001';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER backtests_rule BEFORE INSERT OR UPDATE ON backtests FOR EACH ROW EXECUTE FUNCTION backtest_rule();
CREATE TRIGGER backtests_no_delete BEFORE DELETE ON backtests FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- needs_backtest tells against how many joiners a revision of a flow has to be tested; 0 for none.
-- +goose StatementBegin
CREATE FUNCTION needs_backtest(k text, ky text, rev integer) RETURNS integer LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT CASE WHEN k = 'flow' AND content::jsonb #>> '{backtest,required}' = 'true'
        THEN coalesce(nullif((content::jsonb #>> '{backtest,joiners}')::int, 0), 50) ELSE 0 END
        FROM revisions WHERE kind = k AND key = ky AND revision = rev), 0);
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION approval_backtest_rule() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE least integer := needs_backtest(NEW.kind, NEW.key, NEW.revision);
BEGIN
    IF least > 0 AND NOT EXISTS (SELECT 1 FROM backtests WHERE flow = NEW.key AND hash = NEW.hash AND state = 'done' AND joiners >= least) THEN
        RAISE EXCEPTION 'An approval is refused: the flow asks for a backtest, and there is none of this content' USING ERRCODE = 'JN001';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER approvals_backtest_rule BEFORE INSERT ON approvals FOR EACH ROW EXECUTE FUNCTION approval_backtest_rule();

-- Going back to an earlier revision, and breaking the glass, need none: they are for trouble.
-- +goose StatementBegin
CREATE FUNCTION release_backtest_rule() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE least integer := needs_backtest(NEW.kind, NEW.key, NEW.revision);
BEGIN
    IF least > 0 AND NEW.how IN ('approval', 'refresh') AND NOT EXISTS (SELECT 1 FROM backtests WHERE flow = NEW.key AND root = NEW.root AND state = 'done' AND joiners >= least) THEN
        RAISE EXCEPTION 'A release is refused: the flow asks for a backtest, and there is none of this content with these parts' USING ERRCODE = 'JN001';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER releases_backtest_rule BEFORE INSERT ON releases FOR EACH ROW EXECUTE FUNCTION release_backtest_rule();

GRANT SELECT, INSERT, UPDATE ON backtests TO joinery_app;
GRANT SELECT, INSERT, DELETE ON backtest_people TO joinery_app;
