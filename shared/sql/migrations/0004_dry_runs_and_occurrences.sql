-- What an import under way must remember beside its ledger; forgotten when it ends.

-- A dry run: the keys that its chunks would have put into the table.
CREATE TABLE tried_keys (
    tenant_id text NOT NULL,
    upload_id uuid NOT NULL,
    "timestamp" timestamptz NOT NULL,
    machine_name text COLLATE "C" NOT NULL,
    process_name text COLLATE "C"
);

CREATE UNIQUE INDEX tried_keys_key ON tried_keys (tenant_id, upload_id, "timestamp", machine_name, process_name) NULLS NOT DISTINCT;

-- An import by occurrence: how many rows of each content its chunks had, by the content's digest.
CREATE TABLE import_contents (
    tenant_id text NOT NULL,
    upload_id uuid NOT NULL,
    content uuid NOT NULL,
    rows bigint NOT NULL,
    PRIMARY KEY (tenant_id, upload_id, content)
);
