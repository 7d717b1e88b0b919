-- What cancelling, retrying and undoing an import need.

-- An upload is closed up to an attempt: no load of that attempt or an earlier one goes in any more, and those of the
-- next one do. So a retry needs no word with the database, and a load that comes late stays out.
-- What a retry would need to know of the chunks that are in (`remembers`) is kept with one that failed, for some days.
ALTER TABLE closed_uploads
    ADD COLUMN attempt integer NOT NULL DEFAULT 1,
    ADD COLUMN remembers boolean NOT NULL DEFAULT false;

CREATE INDEX closed_uploads_remembering ON closed_uploads (closed_at) WHERE remembers;

-- Between which times the accepted rows of a chunk lie: what leads an undo to them through the key's index. An index on
-- the upload's id would cost every COPY, for something that is done once in a while. NULL where it was not told.
ALTER TABLE import_chunks
    ADD COLUMN first_timestamp timestamptz,
    ADD COLUMN last_timestamp timestamptz;

-- Undoing takes rows out in batches, and each batch's count commits with it: one that dies goes on where it was, and
-- what is reported is exact. `recorded` is what the ledger had when it began. What is still to go lies between the two
-- times. A row stays, so that a call that comes late, for an attempt that was undone, finds nothing to do.
CREATE TABLE undone_imports (
    tenant_id text NOT NULL,
    upload_id uuid NOT NULL,
    attempt integer NOT NULL,
    recorded bigint NOT NULL,
    removed bigint NOT NULL DEFAULT 0,
    remaining_from timestamptz NOT NULL,
    remaining_to timestamptz NOT NULL,
    everywhere boolean NOT NULL DEFAULT false,
    ended_at timestamp with time zone,
    PRIMARY KEY (tenant_id, upload_id, attempt)
);

ALTER TABLE undone_imports ENABLE ROW LEVEL SECURITY;
