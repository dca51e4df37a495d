/**
 * What the definition of the configuration file is made of: shapes whose `error` completes the sentence "expected ...",
 * for a missing and a wrong value alike.
 */
import * as z from 'zod';

/**
 * The keys that the file chooses itself, and what each must look like. They are checked in `rules.ts` instead of by the
 * record's key schema, which would leave the value of a bad key unread and its faults unreported.
 */
export const KEYS = {
  /** Upstreams and virtual servers: one URL path segment, and no name that an object of JavaScript inherits. */
  name: {
    pattern: /^(?!(?:constructor|prototype)$)[a-z0-9][a-z0-9-]{0,39}$/,
    expected:
      'a name of 1 to 40 lower-case letters, digits and hyphens, not beginning with a hyphen, ' +
      'and not constructor or prototype',
  },
  toolName: {
    pattern: /^(?!(?:__proto__|constructor|prototype)$)[^\u0000-\u001f\u007f]+$/,
    expected: "the upstream's own name of a tool: no control characters, and not __proto__, constructor or prototype",
  },
  /** RFC 9110, section 5.1: a token. */
  headerName: {
    pattern: /^(?!(?:__proto__|constructor|prototype)$)[A-Za-z0-9!#$%&'*+.^_`|~-]+$/,
    expected: 'a header name: letters, digits and hyphens, and not __proto__, constructor or prototype',
  },
  /** What the operating systems take: some names have dots, brackets or spaces in them. */
  variableName: {
    pattern: /^(?!(?:__proto__|constructor|prototype)$)[^=\u0000-\u001f\u007f]+$/,
    expected:
      'the name of an environment variable: no = and no control characters, and not __proto__, constructor or prototype',
  },
} as const;

/** A section with a fixed set of keys; any other key is an error. */
export function section<Shape extends z.core.$ZodLooseShape>(shape: Shape, error: string) {
  const known = Object.keys(shape).join(', ');
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? `no such key (known here: ${known})` : error),
  });
}

/** A section whose keys the file chooses, within `keys`. */
export function named<Value extends z.core.$ZodType>(
  keys: (typeof KEYS)[keyof typeof KEYS],
  value: Value,
  error: string,
) {
  return z.record(z.string().meta({ pattern: keys.pattern.source }), value, { error });
}

export function wholeNumber(largest: number, unit: string, smallest = 1) {
  const error = `a whole number of ${unit} from ${smallest} to ${largest}`;
  return z.int({ error }).min(smallest, { error }).max(largest, { error });
}

export function text(pattern: RegExp, error: string) {
  return z.string({ error }).regex(pattern, { error });
}

export function choice<const Values extends readonly string[]>(values: Values) {
  return z.enum(values, { error: values.map((value) => `"${value}"`).join(' or ') });
}

export const trueOrFalse = z.boolean({ error: 'true or false' });
