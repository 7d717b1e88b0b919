-- The statements that load a chunk; parameters are pg8000's, by name.

-- name: enter_upload
-- Loads of one upload go side by side; its closing waits for them, and they for it.
SELECT pg_advisory_xact_lock_shared(hashtextextended(:upload_id, 0))

-- name: closed_upload
SELECT 1 FROM closed_uploads
WHERE tenant_id = :tenant_id AND upload_id = :upload_id AND attempt >= CAST(:attempt AS integer)

-- name: lock_upload
SELECT pg_advisory_xact_lock(hashtextextended(:upload_id, 0))

-- name: close_upload
INSERT INTO closed_uploads AS closed (tenant_id, upload_id, attempt, remembers)
VALUES (:tenant_id, :upload_id, :attempt, true)
ON CONFLICT (tenant_id, upload_id) DO UPDATE
SET attempt = greatest(closed.attempt, excluded.attempt), closed_at = now(), remembers = true

-- name: claim_chunk
-- The ledger row is the fence: whoever inserts it loads the chunk, and a second delivery waits here until the
-- first has committed (then nothing is inserted) or has failed (then this one goes on).
INSERT INTO import_chunks (tenant_id, upload_id, chunk_index, records, imported, duplicates, refused, warnings, correlation_id)
VALUES (:tenant_id, :upload_id, :chunk_index, 0, 0, 0, 0, 0, :correlation_id)
ON CONFLICT DO NOTHING

-- name: settle_chunk
UPDATE import_chunks
SET records = :records, imported = :imported, duplicates = :duplicates, refused = :refused, warnings = :warnings,
    first_timestamp = CAST(:first AS timestamptz), last_timestamp = CAST(:last AS timestamptz)
WHERE tenant_id = :tenant_id AND upload_id = :upload_id AND chunk_index = :chunk_index

-- name: loaded_chunk
SELECT records, imported, duplicates, refused, warnings
FROM import_chunks
WHERE tenant_id = :tenant_id AND upload_id = :upload_id AND chunk_index = :chunk_index

-- name: ledger_sum
SELECT count(*), coalesce(sum(records), 0), coalesce(sum(imported), 0), coalesce(sum(duplicates), 0),
       coalesce(sum(refused), 0), coalesce(sum(warnings), 0)
FROM import_chunks
WHERE tenant_id = :tenant_id AND upload_id = :upload_id

-- name: create_keys
CREATE TEMPORARY TABLE staged_keys ON COMMIT DROP AS
SELECT source_row, "timestamp", machine_name, process_name FROM production_records WITH NO DATA

-- name: span_of_keys
SELECT min("timestamp"), max("timestamp") FROM staged_keys

-- name: find_new
-- Of the rows of one key the first in the file, unless the table has the key already, however it came in: a key that
-- is in the table at all is in it with occurrence 0. By the span of its times a chunk meets the part of the index that
-- may hold its keys, however large the table is; the planner knows only constants, so it is given as such.
SELECT s.source_row
FROM (
    SELECT DISTINCT ON ("timestamp", machine_name, process_name) *
    FROM staged_keys
    ORDER BY "timestamp", machine_name, process_name, source_row
) s
WHERE NOT EXISTS (
    SELECT 1 FROM production_records r
    WHERE r.tenant_id = :tenant_id AND r.work_unit_id = :work_unit_id AND r."timestamp" = s."timestamp"
      AND r.machine_name = s.machine_name AND r.process_name IS NOT DISTINCT FROM s.process_name
      AND r."timestamp" BETWEEN :first AND :last
)

-- name: try_new
-- As find_new, for a dry run: what the run's other chunks would have put in counts as well.
INSERT INTO tried_keys (tenant_id, upload_id, "timestamp", machine_name, process_name)
SELECT DISTINCT CAST(:tenant_id AS text), CAST(:upload_id AS uuid), s."timestamp", s.machine_name, s.process_name
FROM staged_keys s
WHERE NOT EXISTS (
    SELECT 1 FROM production_records r
    WHERE r.tenant_id = :tenant_id AND r.work_unit_id = :work_unit_id AND r."timestamp" = s."timestamp"
      AND r.machine_name = s.machine_name AND r.process_name IS NOT DISTINCT FROM s.process_name
      AND r."timestamp" BETWEEN :first AND :last
)
ORDER BY 3, 4, 5
ON CONFLICT DO NOTHING

-- name: create_staging
CREATE TEMPORARY TABLE staged_records (LIKE production_records INCLUDING DEFAULTS) ON COMMIT DROP

-- name: span_of_records
SELECT min("timestamp"), max("timestamp") FROM staged_records

-- name: insert_new
-- As find_new, where other loads write the same keys at the same time. The order keeps two loads of the same keys
-- from waiting for each other crosswise.
INSERT INTO production_records
SELECT DISTINCT ON (tenant_id, work_unit_id, "timestamp", machine_name, process_name) *
FROM staged_records
ORDER BY tenant_id, work_unit_id, "timestamp", machine_name, process_name, source_row
ON CONFLICT DO NOTHING

-- name: lock_work_unit
-- Loads by occurrence look first and write then: in one work unit they take turns, or two imports of one file at the
-- same time would each find none of the other's rows.
SELECT pg_advisory_xact_lock(hashtextextended(:tenant_id || '/' || :work_unit_id, 1))

-- name: share_work_unit
-- Loads that number their rows beside others of the same keys go side by side, and an undo that renumbers comes between.
SELECT pg_advisory_xact_lock_shared(hashtextextended(:tenant_id || '/' || :work_unit_id, 1))

-- name: create_contents
-- What makes two rows the same by their content: all that the file says of them.
CREATE TEMPORARY TABLE staged_contents ON COMMIT DROP AS
SELECT source_row, "timestamp", machine_name, process_name, md5(ROW({content})::text)::uuid AS content
FROM staged_records

-- name: count_contents
-- How often the file has had each content so far, in the chunks that are in and in this one. Chunks that share a
-- content take turns at its row.
INSERT INTO import_contents AS seen (tenant_id, upload_id, content, rows)
SELECT CAST(:tenant_id AS text), CAST(:upload_id AS uuid), content, count(*)
FROM staged_contents GROUP BY content ORDER BY content
ON CONFLICT (tenant_id, upload_id, content) DO UPDATE SET rows = seen.rows + excluded.rows

-- name: drop_known_occurrences
-- The k-th row of some content in the file is the k-th of that content in the table: it goes in when other uploads
-- have brought fewer than k.
DELETE FROM staged_records
USING (
    SELECT source_row, content,
           count(*) OVER same - row_number() OVER (same ORDER BY source_row) AS later
    FROM staged_contents WINDOW same AS (PARTITION BY content)
) AS row
JOIN import_contents AS seen USING (content)
JOIN (
    SELECT c.content, count(*) AS rows
    FROM (SELECT DISTINCT ON (content) * FROM staged_contents) c
    JOIN production_records r
      ON r.tenant_id = :tenant_id AND r.work_unit_id = :work_unit_id AND r."timestamp" = c."timestamp"
     AND r.machine_name = c.machine_name AND r.process_name IS NOT DISTINCT FROM c.process_name
     AND r."timestamp" BETWEEN :first AND :last
    WHERE r.upload_id <> CAST(:upload_id AS uuid) AND md5(ROW({content of r})::text)::uuid = c.content
    GROUP BY c.content
) AS known USING (content)
WHERE staged_records.source_row = row.source_row
  AND seen.tenant_id = :tenant_id AND seen.upload_id = CAST(:upload_id AS uuid)
  AND seen.rows - row.later <= known.rows

-- name: number_occurrences
-- Rows of a key that go in beside others of it take the next free occurrence numbers.
UPDATE staged_records AS staged
SET occurrence = numbered.occurrence
FROM (
    SELECT s.source_row,
           row_number() OVER (PARTITION BY s."timestamp", s.machine_name, s.process_name ORDER BY s.source_row) - 1
           + (
               SELECT coalesce(max(r.occurrence) + 1, 0)
               FROM production_records r
               WHERE r.tenant_id = s.tenant_id
                 AND r.work_unit_id = s.work_unit_id
                 AND r."timestamp" = s."timestamp"
                 AND r.machine_name = s.machine_name
                 AND r.process_name IS NOT DISTINCT FROM s.process_name
           ) AS occurrence
    FROM staged_records s
) AS numbered
WHERE staged.source_row = numbered.source_row

-- name: insert_all
INSERT INTO production_records
SELECT * FROM staged_records
ORDER BY tenant_id, work_unit_id, "timestamp", machine_name, process_name, occurrence

-- name: count_staged
SELECT count(*) FROM staged_records

-- name: remembering_too_long
-- Longer than an upload can be retried.
SELECT tenant_id, upload_id FROM closed_uploads WHERE remembers AND closed_at < now() - interval '7 days'
FOR UPDATE SKIP LOCKED

-- name: forget_tried_keys
DELETE FROM tried_keys WHERE tenant_id = :tenant_id AND upload_id = :upload_id

-- name: forget_contents
DELETE FROM import_contents WHERE tenant_id = :tenant_id AND upload_id = :upload_id

-- name: forgot
UPDATE closed_uploads SET remembers = false WHERE tenant_id = :tenant_id AND upload_id = :upload_id

-- name: begin_undo
-- Rows of a chunk whose times were not told may be anywhere in the work unit.
INSERT INTO undone_imports (tenant_id, upload_id, attempt, recorded, remaining_from, remaining_to)
SELECT CAST(:tenant_id AS text), CAST(:upload_id AS uuid), CAST(:attempt AS integer), coalesce(sum(imported), 0),
       coalesce(min(coalesce(first_timestamp, '-infinity')), 'infinity'),
       coalesce(max(coalesce(last_timestamp, 'infinity')), '-infinity')
FROM import_chunks
WHERE tenant_id = :tenant_id AND upload_id = :upload_id AND imported > 0
ON CONFLICT DO NOTHING

-- name: undo_so_far
SELECT removed, recorded, everywhere, ended_at IS NOT NULL
FROM undone_imports
WHERE tenant_id = :tenant_id AND upload_id = :upload_id AND attempt = :attempt

-- name: remove_batch
-- By the key's index from where the last batch ended, so that all batches together read each row of that time once.
WITH undo AS MATERIALIZED (
    SELECT remaining_from, remaining_to FROM undone_imports
    WHERE tenant_id = :tenant_id AND upload_id = :upload_id AND attempt = :attempt
), gone AS (
    DELETE FROM production_records
    WHERE upload_id = CAST(:upload_id AS uuid) AND ctid = ANY (ARRAY(
        SELECT ctid FROM production_records
        WHERE tenant_id = :tenant_id AND work_unit_id = :work_unit_id AND upload_id = CAST(:upload_id AS uuid)
          AND "timestamp" BETWEEN (SELECT remaining_from FROM undo) AND (SELECT remaining_to FROM undo)
        ORDER BY "timestamp"
        LIMIT :most
    ))
    RETURNING "timestamp"
)
SELECT count(*), min("timestamp"), max("timestamp") FROM gone

-- name: renumber
-- A key that is in the table at all is in it with occurrence 0: where that row has left, the next one takes its number.
UPDATE production_records AS r
SET occurrence = 0
FROM (
    SELECT DISTINCT ON ("timestamp", machine_name, process_name)
           ctid AS place, "timestamp", machine_name, process_name
    FROM production_records
    WHERE tenant_id = :tenant_id AND work_unit_id = :work_unit_id AND "timestamp" BETWEEN :first AND :last
      AND occurrence > 0
    ORDER BY "timestamp", machine_name, process_name, occurrence
) AS next
WHERE r.ctid = next.place
  AND NOT EXISTS (
      SELECT 1 FROM production_records AS z
      WHERE z.tenant_id = :tenant_id AND z.work_unit_id = :work_unit_id AND z."timestamp" = next."timestamp"
        AND z.machine_name = next.machine_name AND z.process_name IS NOT DISTINCT FROM next.process_name
        AND z.occurrence = 0
  )

-- name: count_removed
UPDATE undone_imports
SET removed = removed + :removed, remaining_from = coalesce(CAST(:last AS timestamptz), remaining_from)
WHERE tenant_id = :tenant_id AND upload_id = :upload_id AND attempt = :attempt

-- name: look_everywhere
-- Fewer rows were found than the ledger has: before that is reported, the whole work unit is looked through.
UPDATE undone_imports
SET everywhere = true, remaining_from = '-infinity', remaining_to = 'infinity'
WHERE tenant_id = :tenant_id AND upload_id = :upload_id AND attempt = :attempt

-- name: forget_ledger
DELETE FROM import_chunks WHERE tenant_id = :tenant_id AND upload_id = :upload_id

-- name: end_undo
UPDATE undone_imports SET ended_at = now()
WHERE tenant_id = :tenant_id AND upload_id = :upload_id AND attempt = :attempt
