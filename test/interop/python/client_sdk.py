"""The journey of the official Python SDK's client. `journey.py` says what it is told and how it reports."""

import asyncio

from journey import ANSWER, Steps, read_plan, report, stayed
from mcp import Client, MCPError
from mcp.client.context import ClientRequestContext
from mcp_types import CallToolResult, ElicitRequestParams, ElicitResult, TextContent

asked: list[str] = []


async def answer(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
    asked.append(params.message)
    return ElicitResult(action="accept", content=ANSWER)


def text_of(result: CallToolResult) -> str:
    return "".join(block.text for block in result.content if isinstance(block, TextContent))


async def list_all(client: Client) -> list[str]:
    names: list[str] = []
    cursor: str | None = None
    while True:
        page = await client.list_tools(cursor=cursor)
        names += [tool.name for tool in page.tools]
        cursor = page.next_cursor
        if cursor is None:
            return names


async def report_error(check: str, client: Client, name: str, arguments: dict[str, object]) -> None:
    try:
        result = await client.call_tool(name, arguments)
        report(check, raised=None, is_error=result.is_error, text=text_of(result))
    except MCPError as error:
        report(check, raised="MCPError", code=error.error.code, message=error.error.message)


async def travel(plan: dict[str, str], client: Client) -> None:
    tools = plan["tools"]
    report("connected", version=client.protocol_version)
    report("tools", names=sorted(await list_all(client)))
    echoed = await client.call_tool(f"{tools}echo", {"text": "Hé 🦉"})
    report("called", text=text_of(echoed))
    added = await client.call_tool(f"{tools}add", {"a": 2, "b": 3})
    report("structured", content=added.structured_content)
    steps = Steps(plan["seen"])
    paced = await client.call_tool(f"{tools}paced", {"count": plan["steps"]}, progress_callback=steps.note)
    report("progress", steps=steps.noted, text=text_of(paced))
    elicited = await client.call_tool(f"{tools}ask", {})
    report("elicited", asked=asked, text=text_of(elicited))
    failed = await client.call_tool(f"{tools}fail", {})
    report("tool error", raised=None, is_error=failed.is_error, text=text_of(failed))
    await report_error("unknown tool", client, f"{tools}nothing", {})


async def stay(plan: dict[str, str], client: Client) -> None:
    await stayed(plan["stay"])
    echoed = await client.call_tool(f"{plan['tools']}echo", {"text": "still here"})
    report("stayed", text=text_of(echoed))


async def main() -> None:
    plan = read_plan()
    if "stay" in plan:
        async with Client(plan["url"], mode=plan["mode"]) as client:
            await stay(plan, client)
        return
    async with Client(plan["url"], mode=plan["mode"], elicitation_callback=answer) as client:
        await travel(plan, client)
    asked.clear()
    elsewhere = plan["elsewhere"]
    async with Client(elsewhere["url"], mode=plan["mode"], elicitation_callback=answer) as client:
        await report_error("other era's question", client, f"{elsewhere['tools']}ask", {})
    report("asked in vain", asked=asked)


asyncio.run(main())
