"""Drives an MCP stdio server with the official Python SDK and prints what it saw as one JSON
object on stdout:

    python client.py [--generation legacy|modern] [--call NAME JSON]... -- COMMAND [ARG]...

legacy: ClientSession and the initialize handshake (2025-11-25). modern: Client, which probes
server/discover (2026-07-28). A call that ends in a JSON-RPC error is reported like a failed one
with the additional key "error", the error's code. The server inherits the environment.
"""

import argparse
import asyncio
import json
import os
import sys

from mcp import Client, ClientSession, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import PaginatedRequestParams


def parse(argv):
    if "--" not in argv:
        sys.exit("usage: client.py [--generation legacy|modern] [--call NAME JSON]... -- COMMAND")
    split = argv.index("--")
    parser = argparse.ArgumentParser()
    parser.add_argument("--generation", choices=["legacy", "modern"], default="legacy")
    parser.add_argument("--call", nargs=2, action="append", default=[], metavar=("NAME", "JSON"))
    options = parser.parse_args(argv[:split])
    command, *args = argv[split + 1 :]
    server = StdioServerParameters(command=command, args=args, env=dict(os.environ))
    calls = [(name, json.loads(arguments)) for name, arguments in options.call]
    return options.generation, calls, server


async def list_tools(list_page):
    names, cursor = [], None
    while True:
        page = await list_page(cursor)
        names += [tool.name for tool in page.tools]
        cursor = page.next_cursor
        if cursor is None:
            return names


async def call_tool(client, name, arguments):
    try:
        result = await client.call_tool(name, arguments)
    except MCPError as error:
        failed = {"name": name, "isError": True, "structured": None}
        return failed | {"text": error.message, "error": error.code}
    return {
        "name": name,
        "isError": result.is_error,
        "structured": result.structured_content,
        "text": "\n".join(block.text for block in result.content if block.type == "text"),
    }


async def drive(client, list_page, calls):
    return {
        "protocol": client.protocol_version,
        "server": client.server_info.name if client.server_info else None,
        "instructions": bool(client.instructions),
        "tools": await list_tools(list_page),
        "calls": [await call_tool(client, name, arguments) for name, arguments in calls],
    }


async def legacy(server, calls):
    async with stdio_client(server) as streams, ClientSession(*streams) as session:
        await session.initialize()

        def list_page(cursor):
            return session.list_tools(params=PaginatedRequestParams(cursor=cursor))

        return await drive(session, list_page, calls)


async def modern(server, calls):
    async with Client(server) as client:
        return await drive(client, lambda cursor: client.list_tools(cursor=cursor), calls)


def main():
    generation, calls, server = parse(sys.argv[1:])
    seen = asyncio.run((legacy if generation == "legacy" else modern)(server, calls))
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
