/** What a modern upstream wants of a client before it can answer, in words for one that cannot be asked. */
import { isObject, JSON_RPC, type Json, type JsonObject, type JsonRpcError } from '../message.ts';

/** `unknown`: a method that no question of the specification has. */
export type QuestionKind = 'elicitation' | 'sampling' | 'roots' | 'unknown';

/** The requests that an `InputRequiredResult` may carry (2026-07-28, basic/patterns/mrtr, "Server Requirements"). */
const KINDS: ReadonlyMap<Json | undefined, QuestionKind> = new Map([
  ['elicitation/create', 'elicitation'],
  ['sampling/createMessage', 'sampling'],
  ['roots/list', 'roots'],
]);

/** How a modern result is to be read (2026-07-28, basic, "ResultType"); an absent type means a complete one. */
export function readResultType({ resultType }: JsonObject): 'complete' | 'input_required' | 'unrecognized' {
  if (resultType === undefined || resultType === 'complete') return 'complete';
  return resultType === 'input_required' ? 'input_required' : 'unrecognized';
}

/**
 * The kinds of questions in an `input_required` result, each once; undefined when the result is none. Empty when the
 * upstream asks nothing and only wants the request again, with its `requestState`.
 */
export function asksTheClient(result: JsonObject): readonly QuestionKind[] | undefined {
  if (readResultType(result) !== 'input_required') return undefined;
  const { inputRequests } = result;
  if (!isObject(inputRequests)) return [];
  return [...new Set(Object.values(inputRequests).map(kindOf))];
}

function kindOf(question: Json | undefined): QuestionKind {
  return (isObject(question) ? KINDS.get(question['method']) : undefined) ?? 'unknown';
}

/** Their parts that are named too: modes of elicitation, features of sampling (2026-07-28, schema, "ClientCapabilities"). */
const CAPABILITY_PARTS: Readonly<Record<string, readonly string[]>> = {
  elicitation: ['form', 'url'],
  sampling: ['context', 'tools'],
  roots: [],
};

const MAX_NAMED_EXTENSIONS = 3;
const MAX_EXTENSION_LENGTH = 100;

/**
 * The capabilities that a -32021 says are missing, as a person reads them: "elicitation (url) and sampling". Undefined
 * for other errors, and when the error names none that exist (2026-07-28, schema, "MissingRequiredClientCapabilityError").
 */
export function missingCapabilityWords({ code, data }: JsonRpcError): string | undefined {
  if (code !== JSON_RPC.missingClientCapability || !isObject(data)) return undefined;
  const { requiredCapabilities } = data;
  if (!isObject(requiredCapabilities)) return undefined;
  const named = Object.entries(CAPABILITY_PARTS).flatMap(([name, parts]) => {
    const required = requiredCapabilities[name];
    if (!isObject(required)) return [];
    const needed = parts.filter((part) => Object.hasOwn(required, part));
    return needed.length === 0 ? name : `${name} (${needed.join(', ')})`;
  });
  const words = [...named, ...extensionWords(requiredCapabilities['extensions'])];
  return words.length === 0 ? undefined : listWords(words);
}

function extensionWords(extensions: Json | undefined): string[] {
  if (!isObject(extensions)) return [];
  const names = Object.keys(extensions).slice(0, MAX_NAMED_EXTENSIONS);
  return names.map((name) => `the extension ${name.slice(0, MAX_EXTENSION_LENGTH)}`);
}

/** "a", "a and b", "a, b and c". */
export function listWords(words: readonly string[]): string {
  const last = words.at(-1) ?? '';
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} and ${last}`;
}
