"""The one statement per commit, for PostgreSQL; SQLite does the same in one immediate transaction (`store.py`).

`proof` locks the epoch's row in share mode: a successor's `take_epoch` waits for this statement, and this statement, having
waited for a successor's, sees its epoch and writes nothing. It is one statement outside any transaction block, so that a
client that freezes in the middle holds no lock.
"""

from sqlalchemy import text

TAKE_EPOCH = text(
    """
    INSERT INTO leader_epoch (account, epoch, holder) VALUES (:account, :floor + 1, :holder)
    ON CONFLICT (account) DO UPDATE SET
      epoch = CASE WHEN leader_epoch.epoch > :floor THEN leader_epoch.epoch ELSE :floor END + 1,
      holder = excluded.holder,
      taken_at = CURRENT_TIMESTAMP
    RETURNING epoch
    """
)

COMMIT = text(
    """
    WITH proof AS MATERIALIZED (
      SELECT 1 FROM leader_epoch
      WHERE account = :account AND epoch = :epoch AND holder = :holder
      FOR SHARE
    ), standing AS MATERIALIZED (
      SELECT 1 FROM kills WHERE account = :account AND released_at IS NULL AND :adds_risk
    ), burned AS MATERIALIZED (
      SELECT intent FROM intents WHERE account = :account AND intent = ANY(:entries) AND epoch <> :epoch
    ), permitted AS MATERIALIZED (
      SELECT 1 FROM proof WHERE NOT EXISTS (SELECT 1 FROM standing) AND NOT EXISTS (SELECT 1 FROM burned)
    ), burning AS (
      INSERT INTO intents (account, intent, epoch)
      SELECT CAST(:account AS text), entry, CAST(:epoch AS bigint) FROM permitted, unnest(CAST(:entries AS text[])) AS entry
      ON CONFLICT DO NOTHING
    ), journalled AS (
      INSERT INTO journal (account, epoch, batch, position, kind, payload)
      SELECT CAST(:account AS text), CAST(:epoch AS bigint), CAST(:batch AS bigint), position, kind, payload
      FROM permitted, unnest(CAST(:kinds AS text[]), CAST(:payloads AS text[]))
        WITH ORDINALITY AS fact (kind, payload, position)
    ), queued AS (
      INSERT INTO outbox (account, epoch, batch, position, operation, tag, intent, leg, attempt, adds_risk, payload, state)
      SELECT CAST(:account AS text), CAST(:epoch AS bigint), CAST(:batch AS bigint), position,
             operation, tag, intent, leg, attempt, adds_risk, payload, 'pending'
      FROM permitted, unnest(
          CAST(:operations AS text[]), CAST(:tags AS text[]), CAST(:intents AS text[]), CAST(:legs AS text[]),
          CAST(:attempts AS integer[]), CAST(:risks AS boolean[]), CAST(:orders AS text[])
        ) WITH ORDINALITY AS queue (operation, tag, intent, leg, attempt, adds_risk, payload, position)
    )
    SELECT EXISTS (SELECT 1 FROM proof), EXISTS (SELECT 1 FROM standing), ARRAY(SELECT intent FROM burned)
    """
)
