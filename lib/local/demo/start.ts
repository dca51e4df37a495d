/** The demo upstreams' addresses; each URL ends in `/mcp`. */
export interface DemoUpstreams {
  readonly time: string;
  readonly test: string;
  close(): Promise<void>;
}

/**
 * Starts *fast time* and *fast test* on free ports of the loopback interface, both speaking both eras. The MCP SDK is
 * loaded here, on the first call, so that a gateway with a configuration of its own never pays for it.
 */
export async function startDemoUpstreams(): Promise<DemoUpstreams> {
  const [{ serveUpstream }, { fastTime }, { fastTest }] = await Promise.all([
    import('./serve.ts'),
    import('./fast-time.ts'),
    import('./fast-test.ts'),
  ]);
  const [time, test] = await Promise.all([serveUpstream(fastTime), serveUpstream(fastTest())]);
  return {
    time: time.url,
    test: test.url,
    close: async () => {
      await Promise.all([time.close(), test.close()]);
    },
  };
}
