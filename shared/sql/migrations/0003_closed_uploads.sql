-- Uploads that failed: no further chunk of theirs goes in, also not one whose load was under way when they did. So
-- what was counted at the end stays true.

CREATE TABLE closed_uploads (
    tenant_id text NOT NULL,
    upload_id uuid NOT NULL,
    closed_at timestamp with time zone NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, upload_id)
);
