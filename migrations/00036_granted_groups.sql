-- +goose Up
-- Which memberships are of Joinery's making: only those are taken away again when
-- the rules do not give them any more. What an account was in before, or others gave,
-- is in groups alone.
ALTER TABLE joiner_accounts ADD COLUMN granted text[] NOT NULL DEFAULT '{}';

UPDATE joiner_accounts a SET granted = coalesce((SELECT array_agg(DISTINCT i.receipt->>'group') FROM intents i JOIN runs r ON r.id = i.run_id
    WHERE r.joiner_id = a.joiner_id AND i.connection = a.connection AND i.operation = 'group.add' AND i.undone_at IS NULL
      AND i.receipt->>'account' = a.account_id AND i.receipt->>'changed' = 'true' AND i.receipt->>'group' = ANY (a.groups)), '{}');
