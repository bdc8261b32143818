// Drives an MCP stdio server with the official TypeScript SDK and prints what it saw as one JSON
// object on stdout:
//
//   node client.mjs [--sdk DIR] [--call NAME JSON]... -- COMMAND [ARG]...
//
// DIR holds the node_modules folder with @modelcontextprotocol/sdk (default: the current folder).
// A call that ends in a JSON-RPC error, or whose result the SDK rejects, is reported like a failed
// one with the additional key "error", the error's code. The server inherits the environment.
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const CALL_TIMEOUT_MS = 300_000;

function parse(argv) {
  const options = { sdk: ".", calls: [], server: [] };
  while (argv.length > 0) {
    const flag = argv.shift();
    if (flag === "--sdk") {
      options.sdk = argv.shift();
    } else if (flag === "--call") {
      options.calls.push({ name: argv.shift(), arguments: JSON.parse(argv.shift()) });
    } else if (flag === "--") {
      options.server = argv.splice(0);
    } else {
      throw new Error(`unknown argument: ${flag}`);
    }
  }
  if (options.server.length === 0) {
    throw new Error("usage: client.mjs [--sdk DIR] [--call NAME JSON]... -- COMMAND [ARG]...");
  }
  return options;
}

async function listTools(client) {
  const names = [];
  let cursor;
  do {
    const page = await client.listTools({ cursor });
    names.push(...page.tools.map((tool) => tool.name));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return names;
}

async function callTool(client, call) {
  try {
    const result = await client.callTool(call, undefined, { timeout: CALL_TIMEOUT_MS });
    return {
      name: call.name,
      isError: result.isError ?? false,
      structured: result.structuredContent ?? null,
      text: result.content
        .filter((block) => block.type === "text")
        .map((block) => block.text)
        .join("\n"),
    };
  } catch (error) {
    if (error.code === undefined) {
      throw error;
    }
    const text = error.message;
    return { name: call.name, isError: true, structured: null, text, error: error.code };
  }
}

const options = parse(process.argv.slice(2));
const require = createRequire(join(resolve(options.sdk), "package.json"));
const { Client } = require("@modelcontextprotocol/sdk/client/index.js");
const { StdioClientTransport } = require("@modelcontextprotocol/sdk/client/stdio.js");

const [command, ...args] = options.server;
const transport = new StdioClientTransport({ command, args, env: { ...process.env } });
let protocol = null;
transport.setProtocolVersion = (version) => {
  protocol = version;
};

const client = new Client({ name: "typescript-sdk-test", version: "1.0.0" });
await client.connect(transport);
const tools = await listTools(client);
const calls = [];
for (const call of options.calls) {
  calls.push(await callTool(client, call));
}
const seen = {
  protocol,
  server: client.getServerVersion()?.name ?? null,
  instructions: Boolean(client.getInstructions()),
  tools,
  calls,
};
await client.close();
console.log(JSON.stringify(seen));
