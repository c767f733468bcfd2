-- +goose Up
-- Code that came out of a conversation with the model stays what it is under another key:
-- a copy has another hash, and would otherwise be nobody's.
-- +goose StatementBegin
CREATE FUNCTION author_wrote_source(content text) RETURNS boolean LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT 1 FROM author_revisions b JOIN revisions r ON r.kind = 'function' AND r.key = b.key AND r.revision = b.revision
                   WHERE r.content::jsonb ->> 'source' = content::jsonb ->> 'source');
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION release_author_rule() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.kind <> 'function' OR EXISTS (SELECT 1 FROM approvals a WHERE a.kind = NEW.kind AND a.key = NEW.key AND a.hash = NEW.hash
                                         AND NOT wrote(a.kind, a.key, a.revision, a.approver_id)) THEN
        RETURN NEW;
    END IF;
    IF EXISTS (SELECT 1 FROM author_revisions b WHERE b.hash = NEW.hash OR b.key = NEW.key AND b.revision <= NEW.revision
               AND b.revision > coalesce((SELECT max(l.revision) FROM releases l WHERE l.kind = 'function' AND l.key = NEW.key AND l.revision < NEW.revision), 0))
       OR author_wrote_source((SELECT content FROM revisions WHERE kind = NEW.kind AND key = NEW.key AND revision = NEW.revision)) THEN
        RAISE EXCEPTION 'A release is refused: what the function author wrote goes live only after another person approved exactly that content' USING ERRCODE = 'JN001';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd

-- A copy is not submitted either where drafts only are wanted.
-- +goose StatementBegin
CREATE FUNCTION review_copy_rule() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.kind = 'function' AND coalesce((SELECT value::jsonb ->> 'policy' FROM settings WHERE key = 'author'), 'off') = 'draft_only'
       AND author_wrote_source((SELECT content FROM revisions WHERE kind = NEW.kind AND key = NEW.key AND revision = NEW.revision)) THEN
        RAISE EXCEPTION 'A review is refused: what the function author writes is for drafts only here' USING ERRCODE = 'JN001';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER reviews_copy_rule BEFORE INSERT ON reviews FOR EACH ROW EXECUTE FUNCTION review_copy_rule();

-- A yes to what the model wrote is somebody's: of a person who is there and may sign in.
-- +goose StatementBegin
CREATE FUNCTION approval_author_rule() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.kind = 'function' AND EXISTS (SELECT 1 FROM author_revisions WHERE hash = NEW.hash)
       AND NOT EXISTS (SELECT 1 FROM users WHERE id = NEW.approver_id AND active) THEN
        RAISE EXCEPTION 'An approval is refused: there is no such person here' USING ERRCODE = 'JN001';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER approvals_author_rule BEFORE INSERT ON approvals FOR EACH ROW EXECUTE FUNCTION approval_author_rule();
