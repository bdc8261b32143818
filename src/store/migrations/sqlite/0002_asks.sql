-- What a running agent has asked for, and waits for.
CREATE TABLE ask (
  id          TEXT PRIMARY KEY,
  agent_id    TEXT NOT NULL,
  run_no      INTEGER NOT NULL,
  kind        TEXT NOT NULL CHECK (kind IN ('permission','question')),
  tool        TEXT NOT NULL,              -- empty for a question
  content     TEXT NOT NULL,              -- what the tool was called with, or the question
  addressee   TEXT NOT NULL CHECK (addressee IN ('parent','person')),
  state       TEXT NOT NULL CHECK (state IN
                ('open','allowed','denied','replied','expired','withdrawn')),
  answer      TEXT NOT NULL DEFAULT '',
  answered_by TEXT NOT NULL DEFAULT '',
  sent        INTEGER NOT NULL DEFAULT 0, -- 1: the answer was handed to the supervisor
  asked_ms    INTEGER NOT NULL,
  deadline_ms INTEGER NOT NULL,
  settled_ms  INTEGER,
  FOREIGN KEY (agent_id, run_no) REFERENCES run(agent_id, run_no) ON DELETE CASCADE
) STRICT;
CREATE INDEX ask_run  ON ask(agent_id, run_no, asked_ms);
CREATE INDEX ask_open ON ask(agent_id, run_no) WHERE state = 'open';
CREATE INDEX ask_unsent ON ask(agent_id) WHERE sent = 0 AND state IN ('allowed','denied','replied');
