-- +goose Up
-- Artifacts under change control, their revisions, reviews, approvals, releases.
-- The rule that nothing goes live before another person approved exactly that
-- content is enforced here too, for SQL that did not come through Joinery.

CREATE TABLE artifacts (
    kind       text NOT NULL CHECK (kind IN ('flow', 'function', 'policy', 'connection')),
    key        text NOT NULL CHECK (key ~ '^[a-z][a-z0-9-]{0,62}$'),
    name       text NOT NULL,
    head       integer NOT NULL DEFAULT 0,
    layout     text NOT NULL DEFAULT '{}',
    paused     boolean NOT NULL DEFAULT false,
    paused_why text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, key)
);

CREATE TABLE revisions (
    kind        text NOT NULL,
    key         text NOT NULL,
    revision    integer NOT NULL CHECK (revision > 0),
    content     text NOT NULL,
    hash        text NOT NULL,
    message     text NOT NULL DEFAULT '',
    author_id   text NOT NULL CHECK (author_id <> ''),
    author_name text NOT NULL,
    via         text NOT NULL DEFAULT '',
    restored    integer NOT NULL DEFAULT 0,
    at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, key, revision),
    FOREIGN KEY (kind, key) REFERENCES artifacts (kind, key)
);
CREATE INDEX revisions_hash ON revisions (kind, key, hash);

CREATE TABLE reviews (
    id             text PRIMARY KEY,
    kind           text NOT NULL,
    key            text NOT NULL,
    revision       integer NOT NULL,
    hash           text NOT NULL,
    base           text NOT NULL DEFAULT '',
    base_revision  integer NOT NULL DEFAULT 0,
    state          text NOT NULL CHECK (state IN ('open', 'changes_requested', 'approved', 'closed')),
    message        text NOT NULL DEFAULT '',
    checks         text NOT NULL DEFAULT '[]',
    opened_by      text NOT NULL,
    opened_by_name text NOT NULL,
    opened_at      timestamptz NOT NULL DEFAULT now(),
    decided_at     timestamptz,
    FOREIGN KEY (kind, key, revision) REFERENCES revisions (kind, key, revision)
);
CREATE INDEX reviews_state ON reviews (state, id DESC);
CREATE INDEX reviews_artifact ON reviews (kind, key, id DESC);
CREATE UNIQUE INDEX reviews_one_open ON reviews (kind, key) WHERE state = 'open';

CREATE TABLE review_comments (
    id          text PRIMARY KEY,
    review_id   text NOT NULL REFERENCES reviews (id),
    author_id   text NOT NULL,
    author_name text NOT NULL,
    what        text NOT NULL DEFAULT 'comment' CHECK (what IN ('comment', 'changes_requested', 'approved', 'withdrawn', 'superseded')),
    body        text NOT NULL CHECK (length(body) <= 20000),
    at          timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX review_comments_review ON review_comments (review_id, id);

CREATE TABLE approvals (
    id            text PRIMARY KEY,
    review_id     text NOT NULL REFERENCES reviews (id),
    kind          text NOT NULL,
    key           text NOT NULL,
    revision      integer NOT NULL,
    hash          text NOT NULL,
    approver_id   text NOT NULL CHECK (approver_id <> ''),
    approver_name text NOT NULL,
    comment       text NOT NULL DEFAULT '',
    at            timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (kind, key, revision) REFERENCES revisions (kind, key, revision)
);
CREATE INDEX approvals_hash ON approvals (kind, key, hash);

CREATE TABLE releases (
    seq      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id       text NOT NULL UNIQUE,
    kind     text NOT NULL,
    key      text NOT NULL,
    revision integer NOT NULL,
    hash     text NOT NULL,
    how      text NOT NULL CHECK (how IN ('approval', 'rollback', 'refresh', 'breakglass')),
    reason   text NOT NULL DEFAULT '',
    by_id    text NOT NULL CHECK (by_id <> ''),
    by_name  text NOT NULL,
    pins     text NOT NULL DEFAULT '[]',
    root     text NOT NULL,
    at       timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (kind, key, revision) REFERENCES revisions (kind, key, revision)
);
CREATE INDEX releases_artifact ON releases (kind, key, seq DESC);

-- A second person's word on a release that went live without approval.
CREATE TABLE ratifications (
    release_id text PRIMARY KEY REFERENCES releases (id),
    by_id      text NOT NULL CHECK (by_id <> ''),
    by_name    text NOT NULL,
    comment    text NOT NULL DEFAULT '',
    at         timestamptz NOT NULL DEFAULT now()
);

CREATE VIEW live_releases AS
    SELECT DISTINCT ON (kind, key) * FROM releases ORDER BY kind, key, seq DESC;

-- wrote tells whether a person wrote a revision: edited since the release before
-- it, or wrote the same content earlier.
-- +goose StatementBegin
CREATE FUNCTION wrote(k text, ky text, rev integer, person text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT 1 FROM revisions r
        WHERE r.kind = k AND r.key = ky AND r.revision <= rev AND r.author_id = person
          AND (r.revision > coalesce((SELECT max(l.revision) FROM releases l WHERE l.kind = k AND l.key = ky AND l.revision < rev), 0)
               OR r.hash = (SELECT hash FROM revisions x WHERE x.kind = k AND x.key = ky AND x.revision = rev)));
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION revision_rule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.hash <> encode(sha256(convert_to(NEW.content, 'UTF8')), 'hex') THEN
        RAISE EXCEPTION 'The hash of this revision is not the hash of its content' USING ERRCODE = 'JN001';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION approval_rule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM revisions WHERE kind = NEW.kind AND key = NEW.key AND revision = NEW.revision AND hash = NEW.hash
                   AND hash = encode(sha256(convert_to(content, 'UTF8')), 'hex')) THEN
        RAISE EXCEPTION 'An approval is refused: its hash is not the hash of the revision' USING ERRCODE = 'JN001';
    END IF;
    IF NOT EXISTS (SELECT 1 FROM reviews WHERE id = NEW.review_id AND kind = NEW.kind AND key = NEW.key AND revision = NEW.revision
                   AND hash = NEW.hash AND state IN ('open', 'approved')) THEN
        RAISE EXCEPTION 'An approval is refused: there is no open review of this revision' USING ERRCODE = 'JN001';
    END IF;
    IF wrote(NEW.kind, NEW.key, NEW.revision, NEW.approver_id) THEN
        RAISE EXCEPTION 'An approval is refused: its approver is an author' USING ERRCODE = 'JN001';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION release_rule() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE p jsonb;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM revisions WHERE kind = NEW.kind AND key = NEW.key AND revision = NEW.revision AND hash = NEW.hash
                   AND hash = encode(sha256(convert_to(content, 'UTF8')), 'hex')) THEN
        RAISE EXCEPTION 'A release is refused: its hash is not the hash of the revision' USING ERRCODE = 'JN001';
    END IF;
    IF NEW.root <> encode(sha256(convert_to(NEW.hash || E'\n' || NEW.pins, 'UTF8')), 'hex') THEN
        RAISE EXCEPTION 'A release is refused: its root is not the hash of its content and pins' USING ERRCODE = 'JN001';
    END IF;
    FOR p IN SELECT * FROM jsonb_array_elements(NEW.pins::jsonb) LOOP
        IF NOT EXISTS (SELECT 1 FROM releases WHERE id = p->>'release' AND kind = p->>'kind' AND key = p->>'key' AND hash = p->>'hash') THEN
            RAISE EXCEPTION 'A release is refused: it pins something that was never released' USING ERRCODE = 'JN001';
        END IF;
    END LOOP;
    IF NEW.how = 'breakglass' THEN
        IF length(trim(NEW.reason)) < 10 THEN
            RAISE EXCEPTION 'A release without approval is refused: it needs a reason' USING ERRCODE = 'JN001';
        END IF;
        PERFORM audit_append(ARRAY['system'], ARRAY['database'], ARRAY['Joinery'], ARRAY[''], ARRAY['release.unapproved'],
            ARRAY[NEW.kind], ARRAY[NEW.key], ARRAY[json_build_object('release', NEW.id, 'revision', NEW.revision, 'by', NEW.by_id)::text]);
        RETURN NEW;
    END IF;
    IF NOT EXISTS (SELECT 1 FROM approvals a WHERE a.kind = NEW.kind AND a.key = NEW.key AND a.revision = NEW.revision AND a.hash = NEW.hash
                   AND NOT wrote(a.kind, a.key, a.revision, a.approver_id)) THEN
        RAISE EXCEPTION 'A release is refused: nobody but its authors approved this content' USING ERRCODE = 'JN001';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION ratification_rule() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE r releases;
BEGIN
    SELECT * INTO r FROM releases WHERE id = NEW.release_id;
    IF r.how <> 'breakglass' THEN
        RAISE EXCEPTION 'Only a release without approval is ratified' USING ERRCODE = 'JN001';
    END IF;
    IF r.by_id = NEW.by_id OR wrote(r.kind, r.key, r.revision, NEW.by_id) THEN
        RAISE EXCEPTION 'A ratification is refused: it comes from an author' USING ERRCODE = 'JN001';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd

-- A review's subject never changes, and a decided one stays decided.
-- +goose StatementBegin
CREATE FUNCTION review_rule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.kind, NEW.key, NEW.revision, NEW.hash, NEW.opened_by, NEW.opened_at, NEW.checks)
       IS DISTINCT FROM (OLD.id, OLD.kind, OLD.key, OLD.revision, OLD.hash, OLD.opened_by, OLD.opened_at, OLD.checks) THEN
        RAISE EXCEPTION 'What a review is about cannot change' USING ERRCODE = 'JN001';
    END IF;
    IF OLD.state IN ('approved', 'closed') AND NEW.state <> OLD.state THEN
        RAISE EXCEPTION 'A decided review stays decided' USING ERRCODE = 'JN001';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd

CREATE TRIGGER revisions_rule BEFORE INSERT ON revisions FOR EACH ROW EXECUTE FUNCTION revision_rule();
CREATE TRIGGER approvals_rule BEFORE INSERT ON approvals FOR EACH ROW EXECUTE FUNCTION approval_rule();
CREATE TRIGGER releases_rule BEFORE INSERT ON releases FOR EACH ROW EXECUTE FUNCTION release_rule();
CREATE TRIGGER ratifications_rule BEFORE INSERT ON ratifications FOR EACH ROW EXECUTE FUNCTION ratification_rule();
CREATE TRIGGER reviews_rule BEFORE UPDATE ON reviews FOR EACH ROW EXECUTE FUNCTION review_rule();

CREATE TRIGGER revisions_append_only BEFORE UPDATE OR DELETE ON revisions FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER revisions_no_truncate BEFORE TRUNCATE ON revisions FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER approvals_append_only BEFORE UPDATE OR DELETE ON approvals FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER approvals_no_truncate BEFORE TRUNCATE ON approvals FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER releases_append_only BEFORE UPDATE OR DELETE ON releases FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER releases_no_truncate BEFORE TRUNCATE ON releases FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ratifications_append_only BEFORE UPDATE OR DELETE ON ratifications FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ratifications_no_truncate BEFORE TRUNCATE ON ratifications FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER review_comments_append_only BEFORE UPDATE OR DELETE ON review_comments FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER reviews_no_delete BEFORE DELETE ON reviews FOR EACH ROW EXECUTE FUNCTION refuse_change();

GRANT SELECT, INSERT, UPDATE ON artifacts, reviews TO joinery_app;
GRANT SELECT, INSERT ON revisions, review_comments, approvals, releases, ratifications TO joinery_app;
GRANT SELECT ON live_releases TO joinery_app;
