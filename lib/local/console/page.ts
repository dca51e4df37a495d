/** The page `/console`, built: one document that needs nothing else. */
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export interface ConsolePage {
  /** Script and style are in it. */
  readonly html: string;
  /** For the header of that name: allows this script and this style, and connections to where the page is from. */
  readonly contentSecurityPolicy: string;
}

const FOLDER = fileURLToPath(new URL('page/', import.meta.url));

/** A waterfall of three spans. */
const ICON = [
  "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'>",
  "<path fill='#2a66c8' d='M1 2h14v3H1z'/><path fill='#b8500c' d='M4 7h8v3H4z'/><path fill='#2a66c8' d='M12 12h3v3h-3z'/>",
  '</svg>',
].join('');

/** Takes some tens of milliseconds, and leaves esbuild's process to whoever ends it. Rejects with its `BuildFailure`. */
export async function buildConsolePage(): Promise<ConsolePage> {
  const { script, style } = await bundle();
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sluice console</title>
<link rel="icon" href="data:image/svg+xml,${encodeURIComponent(ICON)}">
<style>${style}</style>
<script type="module">${script}</script>
</head>
<body>
<div id="console"></div>
<noscript>The console needs JavaScript.</noscript>
</body>
</html>
`;
  return { html, contentSecurityPolicy: policyFor(script, style) };
}

/** esbuild writes `</script` and `</style` so that they end nothing. */
async function bundle(): Promise<{ readonly script: string; readonly style: string }> {
  const { outputFiles } = await build({
    entryPoints: ['main.tsx', 'style.css'],
    absWorkingDir: FOLDER,
    outdir: FOLDER,
    bundle: true,
    platform: 'browser',
    // What each of them can since the summer of 2024.
    target: ['chrome126', 'firefox128', 'safari17.5'],
    format: 'esm',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    minify: true,
    legalComments: 'none',
    write: false,
    logLevel: 'silent',
  });
  const textOf = (ending: string) => outputFiles.find(({ path }) => path.endsWith(ending))?.text.trim() ?? '';
  return { script: textOf('.js'), style: textOf('.css') };
}

function policyFor(script: string, style: string): string {
  return [
    "default-src 'none'",
    `script-src ${hashOf(script)}`,
    `style-src ${hashOf(style)}`,
    "connect-src 'self'",
    // The icon, which is in the document.
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
