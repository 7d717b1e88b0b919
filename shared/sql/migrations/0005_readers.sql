-- Who reads the records for a tenant: a role that sees the rows of one tenant alone, whatever its queries forget.
--
-- A login of the platform's application is made a member (`GRANT linefeed_reader TO app`) and says in each transaction
-- whose rows it is to see (`SET LOCAL linefeed.tenant = 'acme'`); where it does not, it sees none. The tables' owner,
-- which loads them, is not under the policies: COPY FROM is refused to a role that is.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'linefeed_reader') THEN
        CREATE ROLE linefeed_reader NOLOGIN NOBYPASSRLS;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;  -- a role is the server's: another database made it just now
END
$$;

ALTER TABLE production_records ENABLE ROW LEVEL SECURITY;
ALTER TABLE import_chunks ENABLE ROW LEVEL SECURITY;
ALTER TABLE closed_uploads ENABLE ROW LEVEL SECURITY;
ALTER TABLE tried_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE import_contents ENABLE ROW LEVEL SECURITY;

CREATE POLICY own_tenant ON production_records FOR SELECT TO linefeed_reader
    USING (tenant_id = (SELECT current_setting('linefeed.tenant', true)));
CREATE POLICY own_tenant ON import_chunks FOR SELECT TO linefeed_reader
    USING (tenant_id = (SELECT current_setting('linefeed.tenant', true)));

GRANT SELECT ON production_records, import_chunks TO linefeed_reader;
