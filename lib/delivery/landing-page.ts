/** What a person sees who opens the gateway in a browser. */
export function landingPage(version: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sluice, an MCP gateway</title>
<style>
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
  body { max-width: 42rem; margin: 4rem auto; padding: 0 1rem; }
  pre { padding: 1rem; border: 1px solid #8886; border-radius: 6px; overflow-x: auto; }
</style>
<h1>Sluice</h1>
<p>This is an MCP gateway: one endpoint in front of many MCP servers, for clients of every revision of the
<a href="https://modelcontextprotocol.io">Model Context Protocol</a> from 2025-03-26 to 2026-07-28.</p>
<p>It is meant for MCP clients, not for browsers. Give your client this address with <code>/mcp</code> at its end
(other virtual servers are at <code>/mcp/&lt;name&gt;</code>), as a Streamable HTTP server:</p>
<pre>{ "mcpServers": { "sluice": { "type": "http", "url": "<b>&lt;this address&gt;/mcp</b>" } } }</pre>
<p><small>Version ${version}</small></p>
</html>
`;
}
