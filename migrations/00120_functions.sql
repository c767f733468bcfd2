-- +goose Up
-- What the governed runtime showed of a function: its cases, and the small changes of
-- its source that no case noticed. The row is the job: it is asked for when a revision
-- is submitted, taken under a lease, and ended with its report. It is of one content.
CREATE TABLE examinations (
    hash         text PRIMARY KEY,
    key          text NOT NULL,
    revision     integer NOT NULL,
    state        text NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed')),
    owner        text NOT NULL DEFAULT '',
    beat_at      timestamptz,
    tries        integer NOT NULL DEFAULT 0,
    error        text NOT NULL DEFAULT '',
    report       text,
    milliseconds bigint NOT NULL DEFAULT 0,
    asked_at     timestamptz NOT NULL DEFAULT now(),
    ended_at     timestamptz
);
CREATE INDEX examinations_due ON examinations (asked_at) WHERE state IN ('queued', 'running');

-- An examination begins as a wish and never as a result; what is done stays.
-- +goose StatementBegin
CREATE FUNCTION examination_rule() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'queued' OR NEW.report IS NOT NULL THEN
            RAISE EXCEPTION 'An examination is refused: it has to begin without a result' USING ERRCODE = 'JN001';
        END IF;
        IF NOT EXISTS (SELECT 1 FROM revisions WHERE kind = 'function' AND key = NEW.key AND revision = NEW.revision AND hash = NEW.hash) THEN
            RAISE EXCEPTION 'An examination is refused: its hash is not the hash of the revision' USING ERRCODE = 'JN001';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.hash, NEW.key, NEW.revision) IS DISTINCT FROM (OLD.hash, OLD.key, OLD.revision) OR OLD.state = 'done' THEN
        RAISE EXCEPTION 'What an examination is about, and how it ended, cannot change' USING ERRCODE = 'JN001';
    END IF;
    IF NEW.state = 'done' AND (OLD.state <> 'running' OR NEW.report IS NULL) THEN
        RAISE EXCEPTION 'An examination is done when it was carried out and has a report' USING ERRCODE = 'JN001';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER examinations_rule BEFORE INSERT OR UPDATE ON examinations FOR EACH ROW EXECUTE FUNCTION examination_rule();
CREATE TRIGGER examinations_no_delete BEFORE DELETE ON examinations FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- needs_second tells whether the setting asks for a second reviewer of a revision: a
-- grant of its manifest is of a kind that is listed.
-- +goose StatementBegin
CREATE FUNCTION needs_second(k text, ky text, rev integer) RETURNS boolean LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT k = 'function' AND EXISTS (
        SELECT 1 FROM revisions r, settings s, jsonb_array_elements_text(coalesce(r.content::jsonb #> '{manifest,grants}', '[]')) g,
            jsonb_array_elements_text(CASE jsonb_typeof(s.value::jsonb #> '{rules,second}') WHEN 'array' THEN s.value::jsonb #> '{rules,second}' ELSE '[]' END) listed
        WHERE r.kind = k AND r.key = ky AND r.revision = rev AND s.key = 'functions'
          AND split_part(g, ':', 1) || ':' || split_part(g, ':', 3) = listed);
$$;
-- +goose StatementEnd

-- A function of which the setting asks for a second reviewer goes live by two people's
-- yes to exactly that content. What was live before may come back, and breaking the
-- glass needs none: they are for trouble, and on record.
-- +goose StatementBegin
CREATE FUNCTION release_second_rule() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.kind = 'function' AND NEW.how <> 'breakglass' AND needs_second(NEW.kind, NEW.key, NEW.revision)
       AND NOT EXISTS (SELECT 1 FROM releases WHERE kind = NEW.kind AND key = NEW.key AND hash = NEW.hash)
       AND (SELECT count(DISTINCT a.approver_id) FROM approvals a WHERE a.kind = NEW.kind AND a.key = NEW.key AND a.revision = NEW.revision AND a.hash = NEW.hash
            AND NOT wrote(a.kind, a.key, a.revision, a.approver_id)) < 2 THEN
        RAISE EXCEPTION 'A release is refused: this function needs two reviewers' USING ERRCODE = 'JN001';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER releases_second_rule BEFORE INSERT ON releases FOR EACH ROW EXECUTE FUNCTION release_second_rule();

GRANT SELECT, INSERT, UPDATE ON examinations TO joinery_app;
