-- +goose Up
-- The rules must look at the tables of this schema, whatever a session has put in
-- front of them: a temporary table called approvals is found first otherwise.
ALTER FUNCTION refuse_change() SET search_path = public, pg_temp;
ALTER FUNCTION wrote(text, text, integer, text) SET search_path = public, pg_temp;
ALTER FUNCTION revision_rule() SET search_path = public, pg_temp;
ALTER FUNCTION approval_rule() SET search_path = public, pg_temp;
ALTER FUNCTION release_rule() SET search_path = public, pg_temp;
ALTER FUNCTION ratification_rule() SET search_path = public, pg_temp;
ALTER FUNCTION review_rule() SET search_path = public, pg_temp;
