-- How fast the service behind a provider may be asked, while it turns agents away.
CREATE TABLE pace (
  provider      TEXT PRIMARY KEY,
  not_before_ms INTEGER NOT NULL,  -- no run of it starts or goes on before
  max_live      INTEGER NOT NULL,  -- runs of it that may be at work then; one more every 10 s
  incidents     INTEGER NOT NULL   -- how often it turned somebody away since it last answered
) STRICT;

ALTER TABLE run ADD COLUMN provider TEXT NOT NULL DEFAULT '';
-- 0: at work; else the time until which a running agent waits for the service, without a session.
ALTER TABLE run ADD COLUMN backing_off INTEGER NOT NULL DEFAULT 0;
UPDATE run SET provider = coalesce(json_extract(launch, '$.launch.provider'), '')
  WHERE status IN ('queued','running');
