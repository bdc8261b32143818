// An agent made up for tests: it speaks the Agent Client Protocol as the specification has it, in
// its own odd ways where that leaves a choice. The words of a prompt say what it does.

import { createInterface } from "node:readline";

let requests = 0;
let cancel = () => {};
let model = "plain";
const waiting = new Map();

const write = (message) =>
  process.stdout.write(JSON.stringify({ jsonrpc: "2.0", ...message }) + "\n");
const update = (sessionId, update) =>
  write({ method: "session/update", params: { sessionId, update } });
const say = (sessionId, text) =>
  update(sessionId, { sessionUpdate: "agent_message_chunk", content: { type: "text", text } });

/** Asks the client; its answer, or the error it gave. */
function ask(method, params) {
  const id = `agent-${++requests}`;
  write({ id, method, params });
  return new Promise((resolve) => waiting.set(id, resolve));
}

async function prompt({ sessionId, prompt }) {
  const text = prompt.map((block) => block.text).join("|");
  if (text.includes("EDIT-TASK")) {
    const call = { toolCallId: "c1", title: "Change `a.txt`", kind: "edit" };
    update(sessionId, { sessionUpdate: "tool_call", status: "in_progress", ...call });
    const content = [{ type: "diff", path: "a.txt", oldText: "", newText: "a" }];
    update(sessionId, {
      sessionUpdate: "tool_call_update", toolCallId: "c1", status: "completed", content,
    });
  }
  if (text.includes("ASK-TASK")) {
    const toolCall = { toolCallId: "c2", title: "make it", kind: "execute" };
    // The order and the ids mean nothing.
    const options = [
      { optionId: "1", name: "No", kind: "reject_once" },
      { optionId: "0", name: "Always", kind: "allow_always" },
      { optionId: "allow_always", name: "Yes", kind: "allow_once" },
    ];
    const { result } = await ask("session/request_permission", { sessionId, toolCall, options });
    say(sessionId, `chosen ${result.outcome.optionId}`);
    return { stopReason: "end_turn" };
  }
  if (text.includes("FILE-TASK")) {
    const { error } = await ask("fs/read_text_file", { sessionId, path: "/etc/hostname" });
    say(sessionId, `refused with ${error.code}`);
    return { stopReason: "end_turn" };
  }
  if (text.includes("HOLD-TASK") && !text.includes("STOP-HOLDING")) {
    say(sessionId, "holding");
    await new Promise((resolve) => (cancel = resolve));
    return { stopReason: "cancelled" };
  }
  if (text.includes("ODD-TASK")) return { stopReason: "tired" };
  say(sessionId, `${model} heard `);
  say(sessionId, text);
  return { stopReason: "end_turn", usage: { inputTokens: 11, outputTokens: 5 } };
}

const methods = {
  initialize: () => ({ protocolVersion: 1, agentCapabilities: {} }),
  "session/new": () => ({
    sessionId: "only-one",
    configOptions: [{ id: "brain", category: "model", type: "select", currentValue: model }],
  }),
  "session/set_config_option": ({ value }) => {
    if (value === "nope") throw { code: -32602, message: "no such model" };
    model = value;
    return { configOptions: [] };
  },
  "session/prompt": prompt,
  "session/cancel": () => cancel(),
};

process.stdout.write("made-up agent, version 1\n");
createInterface({ input: process.stdin }).on("line", async (line) => {
  const { id, method, params, ...rest } = JSON.parse(line);
  if (method === undefined) return waiting.get(id)?.(rest);
  try {
    const result = await methods[method](params);
    if (id !== undefined) write({ id, result });
  } catch (error) {
    write({ id, error: { code: -32603, message: String(error), ...error } });
  }
});
