/** Which Go a module needs, and where another Go gets it from. */

/** What a Go says it is, such as `go version go1.19.8 linux/amd64`. */
const VERSION_LINE = /\bgo(\d+)\.(\d+)(?:\.(\d+))?\S* .*\b(\w+)\/(\w+)$/m;
/** The line of a `go.mod` that names a release; with its patch, as toolchains are called by it. */
const GO_LINE = /^go (\d+)\.(\d+)\.(\d+)$/m;

/**
 * The module, with its version, of the toolchain that a `go.mod` asks for; undefined when the Go that says `versionLine`
 * is new enough itself. Since 1.21 a Go would find it by itself, unless told not to; older ones refuse the `go.mod`. The
 * names are those of https://go.dev/ref/mod, "Toolchain modules" in https://go.dev/doc/toolchain.
 */
export function toolchainFor(goMod: string, versionLine: string): string | undefined {
  const wanted = numbersOf(GO_LINE, goMod, 'go.mod');
  const there = numbersOf(VERSION_LINE, versionLine, 'Go');
  const [differing] = wanted.numbers.flatMap((number, at) => {
    const difference = number - (there.numbers[at] ?? 0);
    return difference === 0 ? [] : [difference];
  });
  if (differing === undefined || differing < 0) return undefined;
  const [system, processor] = there.rest;
  return `golang.org/toolchain@v0.0.1-go${wanted.numbers.join('.')}.${system}-${processor}`;
}

function numbersOf(
  pattern: RegExp,
  text: string,
  whose: string,
): { readonly numbers: readonly number[]; readonly rest: readonly string[] } {
  const match = pattern.exec(text);
  if (match === null) throw new Error(`${whose} names no version that is understood: ${text.trim()}`);
  const [, major, minor, patch, ...rest] = match;
  return { numbers: [major, minor, patch ?? 0].map(Number), rest };
}
