-- Agents stand below each other, in groups, and in working trees of their own.
ALTER TABLE agent ADD COLUMN path TEXT NOT NULL DEFAULT '';  -- ancestry, itself last: '/a-1/a-2/'
ALTER TABLE agent ADD COLUMN group_id TEXT;                  -- spawned together to be compared
UPDATE agent SET path = '/' || id || '/';
CREATE INDEX agent_path  ON agent(path);
CREATE INDEX agent_group ON agent(group_id) WHERE group_id IS NOT NULL;

-- What the agent has handed in as its result, checked against the schema of its plan.
ALTER TABLE run ADD COLUMN submitted TEXT;
-- How many of its results did not fit.
ALTER TABLE run ADD COLUMN misfits INTEGER NOT NULL DEFAULT 0;

-- Working trees that are ours. A row is written before anything is made, and outlives the agent's.
CREATE TABLE worktree (
  agent_id   TEXT PRIMARY KEY,
  project_id TEXT NOT NULL REFERENCES project(id),
  repository TEXT NOT NULL,             -- git common directory
  path       TEXT NOT NULL UNIQUE,
  branch     TEXT NOT NULL,
  base       TEXT NOT NULL DEFAULT '',  -- the commit it started from; empty until that is known
  state      TEXT NOT NULL CHECK (state IN ('making','live','kept','removing','removed')),
  note       TEXT NOT NULL DEFAULT '',  -- why it was kept
  created_ms INTEGER NOT NULL,
  changed_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX worktree_there ON worktree(repository) WHERE state <> 'removed';

-- Files that a live run has changed. They are compared within a repository, whatever its working
-- trees; a file outside of any stands here with its absolute path.
CREATE TABLE touch (
  agent_id   TEXT NOT NULL,
  run_no     INTEGER NOT NULL,
  repository TEXT NOT NULL,             -- git common directory; empty outside of any
  path       TEXT NOT NULL,             -- relative to the top of the working tree
  PRIMARY KEY (agent_id, run_no, repository, path),
  FOREIGN KEY (agent_id, run_no) REFERENCES run(agent_id, run_no) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX touch_path ON touch(repository, path);

-- Two runs that changed one file while both lived; each pair stands here in both orders.
CREATE TABLE overlap (
  agent_id   TEXT NOT NULL,
  run_no     INTEGER NOT NULL,
  other_id   TEXT NOT NULL,
  path       TEXT NOT NULL,
  at_ms      INTEGER NOT NULL,
  PRIMARY KEY (agent_id, run_no, other_id, path),
  FOREIGN KEY (agent_id, run_no) REFERENCES run(agent_id, run_no) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Runs that work for runs. Who stands above is kept by run, not by agent: each run of an agent has
-- a budget of its own, and an agent may be carried on by somebody else.
ALTER TABLE run ADD COLUMN above TEXT NOT NULL DEFAULT '/';  -- outermost first: '/a-1:1/a-2:3/'
ALTER TABLE run ADD COLUMN spent_tokens INTEGER NOT NULL DEFAULT 0;  -- its own, cache reads not counted
ALTER TABLE run ADD COLUMN spent_usd    REAL NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN max_tokens   INTEGER;  -- NULL: unlimited
ALTER TABLE run ADD COLUMN max_usd      REAL;
CREATE INDEX run_above ON run(above) WHERE above <> '/';

-- Who decides about a request: an agent above, or the host session (empty).
ALTER TABLE ask ADD COLUMN decider TEXT NOT NULL DEFAULT '';

-- What is removed when it is old, and what keeps it. Removing a row looks for rows that refer to it.
ALTER TABLE owner ADD COLUMN project_id TEXT REFERENCES project(id);  -- set once it is known
CREATE INDEX run_owner    ON run(owner_id);
CREATE INDEX agent_parent ON agent(parent) WHERE parent IS NOT NULL;

-- What is done now and then by whichever process comes first, and when it was last begun.
CREATE TABLE upkeep (
  what     TEXT PRIMARY KEY,
  begun_ms INTEGER NOT NULL
) STRICT;
