-- The statements that find and end the sessions of frozen workers; parameters are pg8000's, by name.

-- name: silent_sessions
-- Those that wait for their client within a transaction, and how far they are: the last change of state of one that
-- idles, and of one in mid-COPY the bytes that have come. A role sees and ends its own sessions without more rights.
SELECT a.pid, a.backend_start, a.xact_start, a.state_change, c.bytes_processed
FROM pg_stat_activity a
LEFT JOIN pg_stat_progress_copy c ON c.pid = a.pid
WHERE a.datname = current_database() AND a.usename = current_user AND a.application_name = :application
  AND a.pid <> pg_backend_pid() AND a.xact_start IS NOT NULL
  AND a.wait_event_type = 'Client' AND a.wait_event = 'ClientRead'

-- name: end_session
SELECT pg_terminate_backend(:pid)
