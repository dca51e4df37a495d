"""FastMCP's proxy in front of one upstream. Arguments: the upstream's endpoint, and the port to listen on."""

import sys

from fastmcp.server import create_proxy

url, port = sys.argv[1:]
proxy = create_proxy(url, name="bench")
proxy.run(transport="http", host="127.0.0.1", port=int(port), path="/mcp", log_level="error", show_banner=False)
