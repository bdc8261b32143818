CREATE TABLE project (
  id         TEXT PRIMARY KEY,
  key        TEXT NOT NULL UNIQUE,          -- canonical git common directory, else directory
  created_ms INTEGER NOT NULL
) STRICT;

-- A process that owns agents. It holds a file lock for as long as it lives.
CREATE TABLE owner (
  id         TEXT PRIMARY KEY,
  host       TEXT NOT NULL,
  pid        INTEGER NOT NULL,
  started_ms INTEGER NOT NULL,
  ended_ms   INTEGER
) STRICT;
CREATE INDEX owner_live ON owner(id) WHERE ended_ms IS NULL;

-- What never changes about an agent, and which run is the current one.
CREATE TABLE agent (
  id         TEXT PRIMARY KEY,
  project_id TEXT NOT NULL REFERENCES project(id),
  session    TEXT NOT NULL,                 -- host session that spawned it
  parent     TEXT REFERENCES agent(id),
  label      TEXT NOT NULL,
  run_no     INTEGER NOT NULL,
  created_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX agent_project ON agent(project_id, created_ms, id);
CREATE INDEX agent_session ON agent(session);

CREATE TABLE run (
  agent_id         TEXT NOT NULL REFERENCES agent(id) ON DELETE CASCADE,
  run_no           INTEGER NOT NULL,
  status           TEXT NOT NULL CHECK (status IN
                     ('queued','running','completed','steered','aborted','stopped','error')),
  reason           TEXT NOT NULL DEFAULT '',  -- one word: why it ended as it did
  detail           TEXT NOT NULL DEFAULT '',  -- the same for a person
  owner_id         TEXT NOT NULL REFERENCES owner(id),
  ticket           INTEGER NOT NULL,          -- place in the machine's queue
  slot             INTEGER NOT NULL,          -- 1: counts against the limiter
  warm             INTEGER NOT NULL DEFAULT 0,-- 1: the session is up, its cold start is over
  stop_reason      TEXT,                      -- set once a stop was asked for
  prompt           TEXT NOT NULL,
  launch           TEXT NOT NULL,             -- JSON, immutable
  provider_session TEXT NOT NULL DEFAULT '',  -- set once the provider reported it
  queued_ms        INTEGER NOT NULL,
  started_ms       INTEGER,
  ended_ms         INTEGER,
  changed_ms       INTEGER NOT NULL,
  result           TEXT NOT NULL DEFAULT '',
  result_from      TEXT NOT NULL DEFAULT '',
  progress         TEXT NOT NULL DEFAULT '{}',
  evidence         TEXT NOT NULL DEFAULT '{}',
  delivered        INTEGER NOT NULL DEFAULT 0,-- 1: the result was handed to a caller
  PRIMARY KEY (agent_id, run_no)
) STRICT;
CREATE INDEX run_queued  ON run(ticket) WHERE status = 'queued';
CREATE INDEX run_running ON run(started_ms) WHERE status = 'running';
CREATE INDEX run_live    ON run(owner_id) WHERE status IN ('queued','running');

CREATE TABLE steer (
  id         TEXT PRIMARY KEY,
  agent_id   TEXT NOT NULL,
  run_no     INTEGER NOT NULL,
  message    TEXT NOT NULL,
  timing     TEXT NOT NULL CHECK (timing IN ('now','next_step','after_turn')),
  state      TEXT NOT NULL CHECK (state IN ('queued','sent','delivered','lost')),
  created_ms INTEGER NOT NULL,
  settled_ms INTEGER,
  FOREIGN KEY (agent_id, run_no) REFERENCES run(agent_id, run_no) ON DELETE CASCADE
) STRICT;
CREATE INDEX steer_run    ON steer(agent_id, run_no, created_ms);
CREATE INDEX steer_queued ON steer(created_ms) WHERE state = 'queued';

CREATE TABLE event (
  agent_id TEXT NOT NULL REFERENCES agent(id) ON DELETE CASCADE,
  seq      INTEGER NOT NULL,
  run_no   INTEGER NOT NULL,
  at_ms    INTEGER NOT NULL,
  kind     TEXT NOT NULL,
  body     TEXT NOT NULL,
  PRIMARY KEY (agent_id, seq)
) STRICT, WITHOUT ROWID;
