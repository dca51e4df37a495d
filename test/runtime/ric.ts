import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** AWS's own Node.js runtime client, as it was built here. */
export interface RuntimeClient {
  readonly version: string;
  /** The program that is the runtime. */
  readonly program: string;
}

const FOLDER = new URL('node_modules/aws-lambda-ric/', import.meta.url);

/** Throws when it is not built, in the version that `package.json` beside this file names. */
export function findRuntimeClient(): RuntimeClient {
  const wanted = readJson(new URL('package.json', import.meta.url))['dependencies'] as Record<string, string>;
  const version = wanted['aws-lambda-ric']!;
  if (installedVersion() !== version) {
    throw new Error(
      `AWS's runtime (aws-lambda-ric ${version}) is not built. Build it with: bash test/runtime/install.sh\n` +
        'It takes CMake, a C++ compiler and Python, which the script installs with apt-get where they are missing.',
    );
  }
  return { version, program: fileURLToPath(new URL('index.mjs', FOLDER)) };
}

/** Undefined unless all of it is there: what is compiled comes last. */
function installedVersion(): unknown {
  try {
    readFileSync(new URL('rapid-client.node', FOLDER));
    return readJson(new URL('package.json', FOLDER))['version'];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function readJson(file: URL): Record<string, unknown> {
  return JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
}
