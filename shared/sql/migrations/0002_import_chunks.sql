-- The ledger: one row for each chunk that is in, written in the transaction that wrote the chunk's records. It is
-- what makes a chunk that is delivered twice, or killed half way, count once.

CREATE TABLE import_chunks (
    tenant_id text NOT NULL,
    upload_id uuid NOT NULL,
    chunk_index integer NOT NULL,
    records bigint NOT NULL,
    imported bigint NOT NULL CHECK (imported >= 0),
    duplicates bigint NOT NULL CHECK (duplicates >= 0),
    refused bigint NOT NULL CHECK (refused >= 0),
    warnings bigint NOT NULL CHECK (warnings >= 0),
    correlation_id text NOT NULL,
    loaded_at timestamp with time zone NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, upload_id, chunk_index),
    CONSTRAINT every_record_has_a_fate CHECK (records = imported + duplicates + refused)
);
