"""The one statement per commit, for PostgreSQL; SQLite does the same in one immediate transaction (`store.py`).

`proof` locks the epoch's row in share mode: a successor's `take_epoch` waits for this statement, and this statement, having
waited for a successor's, sees its epoch and writes nothing. It is one statement outside any transaction block, so that a
client that freezes in the middle holds no lock.

Proof and kill are the account's; intents, journal and outbox stand under `journal_of`, another name while it trades on paper.
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
    ), queue AS MATERIALIZED (
      SELECT * FROM json_to_recordset(CAST(:orders AS json)) AS queue (
        position integer, operation text, tag text, intent text, leg text, attempt integer, adds_risk boolean, payload text
      )
    ), entries AS MATERIALIZED (
      SELECT DISTINCT intent FROM queue WHERE leg = 'E'
    ), standing AS MATERIALIZED (
      SELECT 1 FROM kills
      WHERE account = :account AND released_at IS NULL AND EXISTS (SELECT 1 FROM queue WHERE adds_risk)
    ), burned AS MATERIALIZED (
      SELECT intent FROM intents JOIN entries USING (intent) WHERE account = :journal_of AND epoch <> :epoch
    ), permitted AS MATERIALIZED (
      SELECT 1 FROM proof WHERE NOT EXISTS (SELECT 1 FROM standing) AND NOT EXISTS (SELECT 1 FROM burned)
    ), burning AS (
      INSERT INTO intents (account, intent, epoch)
      SELECT CAST(:journal_of AS text), intent, CAST(:epoch AS bigint) FROM permitted, entries
      ON CONFLICT DO NOTHING
    ), journalled AS (
      INSERT INTO journal (account, epoch, batch, position, kind, payload)
      SELECT CAST(:journal_of AS text), CAST(:epoch AS bigint), CAST(:batch AS bigint), position, kind, payload
      FROM permitted, json_to_recordset(CAST(:facts AS json)) AS fact (position integer, kind text, payload text)
    ), queued AS (
      INSERT INTO outbox (account, epoch, batch, position, operation, tag, intent, leg, attempt, adds_risk, payload, state)
      SELECT CAST(:journal_of AS text), CAST(:epoch AS bigint), CAST(:batch AS bigint), position,
             operation, tag, intent, leg, attempt, adds_risk, payload, 'pending'
      FROM permitted, queue
    )
    SELECT EXISTS (SELECT 1 FROM proof), EXISTS (SELECT 1 FROM standing), ARRAY(SELECT intent FROM burned)
    """
)
