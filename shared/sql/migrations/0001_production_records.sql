-- The records. Made by `python -m shared.adapters.record_table`; a test holds the table to the record model.
-- A key (tenant, work unit, timestamp, machine, process) that is in the table at all is in it with occurrence 0;
-- an import without deduplication gives later rows of the key the next numbers.

CREATE TABLE production_records (
    "tenant_id" text COLLATE "C" NOT NULL,
    "work_unit_id" text COLLATE "C" NOT NULL,
    "timestamp" timestamptz NOT NULL,
    "machine_name" text COLLATE "C" NOT NULL,
    "process_name" text COLLATE "C",
    "site_name" text,
    "part_number" text,
    "batch_number" text,
    "operator_name" text,
    "shift" text,
    "total_parts_produced" numeric(18,6),
    "good_parts" numeric(18,6),
    "reject_parts" numeric(18,6),
    "rework_parts" numeric(18,6),
    "planned_production_minutes" numeric(18,6),
    "operating_minutes" numeric(18,6),
    "downtime_minutes" numeric(18,6),
    "downtime_category" text,
    "downtime_reason" text,
    "cycle_time_seconds" numeric(18,6),
    "availability" numeric(9,6),
    "performance" numeric(9,6),
    "quality" numeric(9,6),
    "oee_score" numeric(9,6),
    "attributes" jsonb NOT NULL,
    "upload_id" uuid NOT NULL,
    "source_row" bigint NOT NULL,
    "occurrence" integer NOT NULL DEFAULT 0,
    "loaded_at" timestamp with time zone NOT NULL DEFAULT now()
);

CREATE UNIQUE INDEX production_records_key ON production_records ("tenant_id", "work_unit_id", "timestamp", "machine_name", "process_name", "occurrence") NULLS NOT DISTINCT;
