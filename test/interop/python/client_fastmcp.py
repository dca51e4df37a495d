"""The journey of the FastMCP client. `journey.py` says what it is told and how it reports."""

import asyncio
from typing import Any

from fastmcp import Client
from fastmcp.client.client import CallToolResult
from fastmcp.exceptions import McpError, ToolError
from journey import ANSWER, Steps, read_plan, report, stayed
from mcp_types import TextContent

asked: list[str] = []


async def answer(message: str, response_type: Any, params: Any, context: Any) -> dict[str, str]:
    asked.append(message)
    return ANSWER


def text_of(result: CallToolResult) -> str:
    return "".join(block.text for block in result.content if isinstance(block, TextContent))


async def report_error(check: str, client: Client[Any], name: str) -> None:
    try:
        result = await client.call_tool(name, {})
        report(check, raised=None, is_error=result.is_error, text=text_of(result))
    except ToolError as error:
        report(check, raised="ToolError", text=str(error))
    except McpError as error:
        report(check, raised="MCPError", code=error.error.code, message=error.error.message)


async def travel(plan: dict[str, str], client: Client[Any]) -> None:
    tools = plan["tools"]
    report("connected", version=client.protocol_version)
    report("tools", names=sorted(tool.name for tool in await client.list_tools()))
    echoed = await client.call_tool(f"{tools}echo", {"text": "Hé 🦉"})
    report("called", text=text_of(echoed))
    added = await client.call_tool(f"{tools}add", {"a": 2, "b": 3})
    report("structured", content=added.structured_content)
    steps = Steps(plan["seen"])
    paced = await client.call_tool(f"{tools}paced", {"count": plan["steps"]}, progress_handler=steps.note)
    report("progress", steps=steps.noted, text=text_of(paced))
    elicited = await client.call_tool(f"{tools}ask", {})
    report("elicited", asked=asked, text=text_of(elicited))
    await report_error("tool error", client, f"{tools}fail")
    await report_error("unknown tool", client, f"{tools}nothing")


async def stay(plan: dict[str, str], client: Client[Any]) -> None:
    await stayed(plan["stay"])
    echoed = await client.call_tool(f"{plan['tools']}echo", {"text": "still here"})
    report("stayed", text=text_of(echoed))


async def main() -> None:
    plan = read_plan()
    if "stay" in plan:
        async with Client(plan["url"], mode=plan["mode"]) as client:
            await stay(plan, client)
        return
    async with Client(plan["url"], mode=plan["mode"], elicitation_handler=answer) as client:
        await travel(plan, client)
    asked.clear()
    elsewhere = plan["elsewhere"]
    async with Client(elsewhere["url"], mode=plan["mode"], elicitation_handler=answer) as client:
        await report_error("other era's question", client, f"{elsewhere['tools']}ask")
    report("asked in vain", asked=asked)


asyncio.run(main())
