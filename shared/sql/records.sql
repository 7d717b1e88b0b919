-- The statements that load a chunk; parameters are pg8000's, by name.

-- name: enter_upload
-- Loads of one upload go side by side; its closing waits for them, and they for it.
SELECT pg_advisory_xact_lock_shared(hashtextextended(:upload_id, 0))

-- name: closed_upload
SELECT 1 FROM closed_uploads WHERE tenant_id = :tenant_id AND upload_id = :upload_id

-- name: lock_upload
SELECT pg_advisory_xact_lock(hashtextextended(:upload_id, 0))

-- name: close_upload
INSERT INTO closed_uploads (tenant_id, upload_id) VALUES (:tenant_id, :upload_id) ON CONFLICT DO NOTHING

-- name: claim_chunk
-- The ledger row is the fence: whoever inserts it loads the chunk, and a second delivery waits here until the
-- first has committed (then nothing is inserted) or has failed (then this one goes on).
INSERT INTO import_chunks (tenant_id, upload_id, chunk_index, records, imported, duplicates, refused, warnings, correlation_id)
VALUES (:tenant_id, :upload_id, :chunk_index, :records, :imported, 0, :refused, :warnings, :correlation_id)
ON CONFLICT DO NOTHING

-- name: settle_chunk
-- What the staging table showed to be there already moves from imported to duplicates.
UPDATE import_chunks
SET imported = :imported, duplicates = :duplicates
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

-- name: create_staging
CREATE TEMPORARY TABLE staged_records (LIKE production_records INCLUDING DEFAULTS) ON COMMIT DROP

-- name: insert_new
-- With deduplication: of the rows of one key the first in the file goes in, unless the table has the key already,
-- however it came in: a key that is in the table at all is in it with occurrence 0. The order keeps two loads of
-- the same keys from waiting for each other crosswise.
INSERT INTO production_records
SELECT DISTINCT ON (tenant_id, work_unit_id, "timestamp", machine_name, process_name) *
FROM staged_records
ORDER BY tenant_id, work_unit_id, "timestamp", machine_name, process_name, source_row
ON CONFLICT DO NOTHING

-- name: number_occurrences
-- Without deduplication every row goes in: the later rows of a key take the next free occurrence numbers.
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
