/** The page `/console`: one document that needs nothing else. */
export interface ConsolePage {
  readonly html: string;
  /** For the header of that name. */
  readonly contentSecurityPolicy: string;
}

/** Plain, and without a script: it leads to what there is to be read. */
export async function buildConsolePage(): Promise<ConsolePage> {
  return {
    html: `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Sluice console</title>
<h1>Sluice console</h1>
<p><a href="/console/feed">What happens</a>, as server-sent events; <a href="/console/traces/latest">the latest trace</a>.</p>
</html>
`,
    contentSecurityPolicy: "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  };
}
