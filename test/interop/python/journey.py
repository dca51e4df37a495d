"""What both Python clients share: how they are told where to go, and how they report.

The only argument is a JSON object: `url` and `tools` (the prefix of the names of its tools), `mode` (how to
negotiate), `elsewhere` (url and tools of a server of the other era, whose questions cannot be put to this client) and
`seen` (where to say that a step of progress has arrived). One that has `stay` instead keeps a session without using it
until that URL answers, and then uses it. Each line of output is one report: `check`, and what was
`saw`. Nothing is judged here.
"""

import asyncio
import json
import sys
import urllib.request
from typing import Any

ANSWER = {"name": "Péer"}


def read_plan() -> dict[str, Any]:
    return json.loads(sys.argv[1])


def report(check: str, **saw: Any) -> None:
    print(json.dumps({"check": check, "saw": saw}), flush=True)


async def stayed(stay: str) -> None:
    await asyncio.to_thread(lambda: urllib.request.urlopen(stay).close())


class Steps:
    """Notes the progress of a call, and tells the server of each step, which waits for that before the next one."""

    def __init__(self, seen: str) -> None:
        self.seen = seen
        self.noted: list[float] = []

    async def note(self, progress: float, total: float | None, message: str | None) -> None:
        self.noted.append(progress)
        await asyncio.to_thread(self._tell, progress)

    def _tell(self, progress: float) -> None:
        with urllib.request.urlopen(f"{self.seen}/{progress:g}", data=b"", timeout=10) as answer:
            answer.read()
