-- +goose Up
-- Conversations with a language model about one function each. Their owner asks; the
-- model answers as a tool and is nobody: what becomes of its answers is a revision
-- that the owner wrote.
CREATE TABLE author_conversations (
    id           text PRIMARY KEY,
    owner_id     text NOT NULL REFERENCES users (id),
    owner_name   text NOT NULL,
    title        text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    -- The function it is about; empty until there is a first draft.
    function_key text NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL
);
CREATE INDEX author_conversations_owner ON author_conversations (owner_id, id DESC);
CREATE INDEX author_conversations_function ON author_conversations (function_key, id DESC) WHERE function_key <> '';

-- One thing that was asked. The row is the job: it is taken under a lease, and goes on
-- at the first stage that is not done.
CREATE TABLE author_turns (
    id              text PRIMARY KEY,
    conversation_id text NOT NULL REFERENCES author_conversations (id),
    number          integer NOT NULL CHECK (number > 0),
    kind            text NOT NULL CHECK (kind IN ('request', 'follow_up', 'explain', 'why', 'more_tests')),
    ask             text NOT NULL CHECK (length(ask) BETWEEN 1 AND 20000),
    state           text NOT NULL CHECK (state IN ('waiting', 'running', 'needs_you', 'done', 'failed', 'cancelled')),
    -- The function as it was when this was asked: 0 and empty for a new one.
    base_revision   integer NOT NULL DEFAULT 0,
    content         text NOT NULL DEFAULT '',
    -- Who carries it, how often it was begun, and how often it was put off because the
    -- provider asked to wait.
    owner           text NOT NULL DEFAULT '',
    beat_at         timestamptz,
    tries           integer NOT NULL DEFAULT 0,
    waits           integer NOT NULL DEFAULT 0,
    due_at          timestamptz NOT NULL,
    created_at      timestamptz NOT NULL,
    ended_at        timestamptz,
    UNIQUE (conversation_id, number)
);
CREATE INDEX author_turns_due ON author_turns (due_at) WHERE state IN ('waiting', 'running');
CREATE UNIQUE INDEX author_turns_one_open ON author_turns (conversation_id) WHERE state IN ('waiting', 'running', 'needs_you');

-- The stages of a turn, in their order. said is what the model said so far.
CREATE TABLE author_stages (
    turn_id    text NOT NULL REFERENCES author_turns (id),
    stage      text NOT NULL CHECK (stage IN ('intent', 'tests', 'code', 'checks', 'draft', 'answer')),
    position   integer NOT NULL,
    state      text NOT NULL CHECK (state IN ('waiting', 'running', 'needs_you', 'done', 'failed', 'cancelled')),
    result     text NOT NULL DEFAULT '',
    said       text NOT NULL DEFAULT '',
    rounds     integer NOT NULL DEFAULT 0,
    trouble    text NOT NULL DEFAULT '',
    started_at timestamptz,
    ended_at   timestamptz,
    PRIMARY KEY (turn_id, stage)
);

-- Every call of the model: the exact text that went out, and what came back. A call is
-- written before it is made and ended once.
CREATE TABLE author_calls (
    id           text PRIMARY KEY,
    turn_id      text NOT NULL REFERENCES author_turns (id),
    stage        text NOT NULL,
    user_id      text NOT NULL,
    model        text NOT NULL,
    parameters   text NOT NULL DEFAULT '{}',
    body         text NOT NULL,
    body_hash    text NOT NULL,
    answer       text NOT NULL DEFAULT '',
    outcome      text NOT NULL DEFAULT '',
    trouble      text NOT NULL DEFAULT '',
    tokens_in    integer NOT NULL DEFAULT 0,
    tokens_out   integer NOT NULL DEFAULT 0,
    estimated    boolean NOT NULL DEFAULT false,
    milliseconds bigint NOT NULL DEFAULT 0,
    asked_at     timestamptz NOT NULL
);
CREATE INDEX author_calls_turn ON author_calls (turn_id, id);

-- What a person has used of the model on a day (UTC).
CREATE TABLE author_usage (
    user_id    text NOT NULL,
    day        date NOT NULL,
    calls      integer NOT NULL DEFAULT 0,
    tokens_in  bigint NOT NULL DEFAULT 0,
    tokens_out bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, day)
);

-- Which revision came out of which turn. gaps are the gates that its content misses.
CREATE TABLE author_revisions (
    key             text NOT NULL,
    revision        integer NOT NULL,
    hash            text NOT NULL,
    conversation_id text NOT NULL REFERENCES author_conversations (id),
    turn_id         text NOT NULL REFERENCES author_turns (id),
    model           text NOT NULL,
    gaps            text NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(gaps::jsonb) = 'array'),
    at              timestamptz NOT NULL,
    PRIMARY KEY (key, revision)
);
CREATE INDEX author_revisions_hash ON author_revisions (hash);
CREATE INDEX author_revisions_turn ON author_revisions (turn_id);

-- What went out stays as it went out, and an answer is written once.
-- +goose StatementBegin
CREATE FUNCTION author_call_rule() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.body_hash <> encode(sha256(convert_to(NEW.body, 'UTF8')), 'hex') THEN
            RAISE EXCEPTION 'The hash of this call is not the hash of what went out' USING ERRCODE = 'JN001';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.outcome <> '' OR (NEW.id, NEW.turn_id, NEW.stage, NEW.user_id, NEW.model, NEW.parameters, NEW.body, NEW.body_hash, NEW.asked_at)
       IS DISTINCT FROM (OLD.id, OLD.turn_id, OLD.stage, OLD.user_id, OLD.model, OLD.parameters, OLD.body, OLD.body_hash, OLD.asked_at) THEN
        RAISE EXCEPTION 'What went out to the model, and how that ended, cannot change' USING ERRCODE = 'JN001';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER author_calls_rule BEFORE INSERT OR UPDATE ON author_calls FOR EACH ROW EXECUTE FUNCTION author_call_rule();
CREATE TRIGGER author_calls_no_delete BEFORE DELETE ON author_calls FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- A revision is bound to the turn it came out of when it is saved, by the owner of the
-- conversation, and stays bound.
-- +goose StatementBegin
CREATE FUNCTION author_revision_rule() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM revisions r JOIN author_conversations c ON c.id = NEW.conversation_id AND c.owner_id = r.author_id
                   JOIN author_turns t ON t.id = NEW.turn_id AND t.conversation_id = c.id
                   WHERE r.kind = 'function' AND r.key = NEW.key AND r.revision = NEW.revision AND r.hash = NEW.hash) THEN
        RAISE EXCEPTION 'A revision is bound to a conversation of the person who wrote it' USING ERRCODE = 'JN001';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER author_revisions_rule BEFORE INSERT ON author_revisions FOR EACH ROW EXECUTE FUNCTION author_revision_rule();
CREATE TRIGGER author_revisions_append_only BEFORE UPDATE OR DELETE ON author_revisions FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- Content that came out of a conversation is not submitted while it misses a gate, or
-- while the organisation wants drafts only.
-- +goose StatementBegin
CREATE FUNCTION review_author_rule() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.kind <> 'function' OR NOT EXISTS (SELECT 1 FROM author_revisions WHERE hash = NEW.hash) THEN
        RETURN NEW;
    END IF;
    IF EXISTS (SELECT 1 FROM author_revisions WHERE hash = NEW.hash AND gaps::jsonb <> '[]'::jsonb) THEN
        RAISE EXCEPTION 'A review is refused: this content misses a gate of the function author' USING ERRCODE = 'JN001';
    END IF;
    IF coalesce((SELECT value::jsonb ->> 'policy' FROM settings WHERE key = 'author'), 'off') <> 'on' THEN
        RAISE EXCEPTION 'A review is refused: what the function author writes is for drafts only here' USING ERRCODE = 'JN001';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER reviews_author_rule BEFORE INSERT ON reviews FOR EACH ROW EXECUTE FUNCTION review_author_rule();

-- Nor does it ever go live without another person's yes to exactly that content:
-- breaking the glass is for what people wrote.
-- +goose StatementBegin
CREATE FUNCTION release_author_rule() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.kind = 'function' AND EXISTS (SELECT 1 FROM author_revisions WHERE hash = NEW.hash)
       AND NOT EXISTS (SELECT 1 FROM approvals a WHERE a.kind = NEW.kind AND a.key = NEW.key AND a.hash = NEW.hash
                       AND NOT wrote(a.kind, a.key, a.revision, a.approver_id)) THEN
        RAISE EXCEPTION 'A release is refused: what the function author wrote goes live only after another person approved exactly that content' USING ERRCODE = 'JN001';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER releases_author_rule BEFORE INSERT ON releases FOR EACH ROW EXECUTE FUNCTION release_author_rule();

-- The place of the model's key in the inventory is no connection's: whoever writes
-- connections could send the key anywhere.
ALTER TABLE artifacts ADD CONSTRAINT artifacts_model_place CHECK (kind <> 'connection' OR key <> 'language-model') NOT VALID;

GRANT SELECT, INSERT, UPDATE ON author_conversations, author_turns, author_stages, author_calls, author_usage TO joinery_app;
GRANT SELECT, INSERT ON author_revisions TO joinery_app;
