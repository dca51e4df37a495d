/** JSON texts that a parser and a printer in between would change, and messages made of them. */
import fc from 'fast-check';

/** An object's text from those of its members. */
export function object(...members: readonly string[]): string {
  return `{${members.filter((member) => member !== '').join(',')}}`;
}

/** Members whose values do not survive `JSON.parse` and `JSON.stringify`, or whose keys mean something to JavaScript. */
const ODD: readonly string[] = [
  '"beyond":9007199254740993,"exact":1.0,"exponent":1E+2,"tiny":1e-400,"huge":-1e400,"minus":-0',
  '"esc\\u0061ped":"\\u00e9\\ud83d\\ude00\\/\\u2028\\u0000\\b","lone":"\\ud800"',
  '"raw":"é 😀 e\u0301 שָׁלוֹם \u202eabc\u202c \u2028\u2029 \ufeff \u007f"',
  '"":{"":[]},"__proto__":{"polluted":true},"constructor":null,"toString":false',
  '"quotes":"\\\\\\"}],:{","nested":[[[{"a":[],"b":{}}]],[]]',
];

export const ODD_OBJECT = object(...ODD);

/** Spaces and line breaks wherever JSON allows them. */
export const SPACED = '{\r\n\t"a" :\n\n [ 1.50 ,\r{ "b"\t:\t"two  spaces\\n" } , [ ] ] , "c" : { } }';

const CHARACTERS = 'aé漢😀👨‍👩‍👧e\u0301\u0323 שָׁלוֹם مرحبا\u2028\u2029\ufffd';

/** About 100 KB of all that UTF-8 can carry: one to four bytes a character, combining, right to left, separators. */
export const LONG = Array.from({ length: 2200 }, (_, index) => `${index} ${CHARACTERS}`).join('\u{10fffd}');

/**
 * Line breaks between tokens are spaces once an event has carried them, which is all that may happen to them; inside of
 * strings JSON has none.
 */
export function flat(text: string): string {
  return text.replace(/\r\n|\r|\n/g, ' ');
}

// ---------------------------------------------------------------------------------------------------------- requests

/** What the gateway changes in a request, each as JSON text. */
export interface Parts {
  readonly id: string;
  /** Progress token. */
  readonly token: string;
  /** Of the client, in the modern era. */
  readonly capabilities: string;
  /** Where the gateway prefixes it. */
  readonly name: string;
}

type Template = (parts: Parts, meta: readonly string[]) => string;

/** Requests of the methods that name something, with keys that are escaped and members that nobody knows. */
export const REQUESTS: Readonly<Record<string, Template>> = {
  'tools/call': ({ id, name, token }, meta) => {
    const _meta = object(`"progressToken":${token}`, ...meta);
    const odd = [`"arguments":${ODD_OBJECT}`, `"x-spaced":${SPACED}`];
    const params = object(`"n\\u0061me":${name}`, ...odd, `"_m\\u0065ta":${_meta}`, '"x":1.0');
    return object(
      '"jsonrpc":"2.0"',
      `"x":${ODD_OBJECT}`,
      `"\\u0069d":${id}`,
      '"method":"tools/call"',
      `"params":${params}`,
    );
  },
  'prompts/get': ({ id, name, token }, meta) => {
    const _meta = object(...meta, `"progressToken":${token}`);
    const params = object('"arguments":{"a":"\\u00e9"}', `"name":${name}`, `"x":${ODD_OBJECT}`, `"_meta":${_meta}`);
    return object(`"params":${params}`, '"jsonrpc":"2.0"', '"method":"prompts/get"', `"id":${id}`);
  },
  'completion/complete': ({ id, name, token }, meta) => {
    const ref = object('"x":1.0', '"type":"ref/prompt"', `"name":${name}`, '"title":"é"');
    const argument = object('"name":"a"', '"value":"\\u00e9"', `"x":${SPACED}`);
    const _meta = object(`"progressToken":${token}`, ...meta);
    const params = object(`"ref":${ref}`, `"argument":${argument}`, '"context":{"arguments":{ }}', `"_meta":${_meta}`);
    return object('"jsonrpc":"2.0"', `"id":${id}`, '"method":"completion/complete"', `"params":${params}`);
  },
  'resources/read': ({ id, token }, meta) => {
    const _meta = object(...meta, `"progressToken":${token}`);
    const params = object('"uri":"demo://a/%20?b=c#d"', `"x":${ODD_OBJECT}`, `"_meta":${_meta}`);
    return object('"jsonrpc":"2.0"', `"id":${id}`, '"method":"resources/read"', `"params":${params}`);
  },
  'tools/list': ({ id, token }, meta) => {
    const _meta = object(`"progressToken":${token}`, ...meta);
    const params = object(`"x":${ODD_OBJECT}`, `"_meta":${_meta}`);
    return object('"jsonrpc":"2.0"', `"id":${id}`, '"method":"tools/list"', `"params":${params}`);
  },
};

/** What the headers of a modern request mirror. */
export const MIRRORED: Readonly<Record<string, string>> = {
  'tools/call': 'up__tool',
  'prompts/get': 'up__tool',
  'resources/read': 'demo://a/%20?b=c#d',
};

/** What a client declares, and what of it the gateway passes on. */
export const DECLARED = '{"sampling":{"tools":{}},"tasks":{"list":{}},"elicitation":{"form":{}},"x":{},"roots":{}}';
export const ANNOUNCED = '{"sampling":{"tools":{}},"elicitation":{"form":{}},"roots":{}}';

/** Members of `_meta` that nobody knows, and the modern envelope where there is one. */
export function metaMembers(modern: boolean, capabilities: string): readonly string[] {
  const unknown = [
    `"com.example/odd":${ODD_OBJECT}`,
    '"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"',
  ];
  const info = object('"name":"c"', '"version":"1"', '"x":1.0', '"icons":[ ]');
  const envelope = [
    '"io.modelcontextprotocol/protocolVersion":"2026-07-28"',
    `"io.modelcontextprotocol/clientInfo":${info}`,
    `"io.modelcontextprotocol/clientCapabilities":${capabilities}`,
    '"io.modelcontextprotocol/logLevel":"debug"',
  ];
  return modern ? [...unknown, ...envelope] : unknown;
}

// ----------------------------------------------------------------------------------------------------------- results

/** A result with every kind of content, known and unknown; `more` stands at its end. */
export function richResult(...more: readonly string[]): string {
  const annotated = '"annotations":{"audience":["user","x-robot"],"priority":1.0,"x":9007199254740993}';
  const icons = '"icons":[{"src":"data:image/png;base64,AA==","mimeType":"image/png","sizes":["48x48"],"x":1.0}]';
  const resource = object('"uri":"demo://r"', '"text":"t"', '"x":1.0', '"_meta":{"k":[ 1.0 ]}');
  const content = [
    object('"type":"text"', '"text":"plain"', `"x":${ODD_OBJECT}`, annotated, '"_meta":{"com.example/a":1.0}'),
    object('"type":"image"', '"data":"AA=="', '"mimeType":"image/png"', annotated),
    object('"type":"resource_link"', '"uri":"demo://a?b=c#d"', '"name":"l"', '"size":9007199254740993', icons),
    object('"type":"resource"', `"resource":${resource}`),
    object('"type":"com.example/hologram"', '"points":[ 1.0, -0.0, 2e5 ]', `"x":${SPACED}`),
    object('"x-no-type":true'),
  ];
  return object(
    `"content":[${content.join(',')}]`,
    `"structuredContent":${ODD_OBJECT}`,
    '"isError":false',
    `"x":${SPACED}`,
    `"_meta":${object(...ODD, '"progressToken":1.0')}`,
    ...more,
  );
}

/** An item of `tools/list`. */
export function richTool(name: string): string {
  return object(
    '"x-first":1.0',
    `"n\\u0061me":${name}`,
    '"title":"\\u00e9"',
    `"inputSchema":${object('"type":"object"', `"x":${SPACED}`, '"minimum":1.0')}`,
    `"outputSchema":${ODD_OBJECT}`,
    '"annotations":{"readOnlyHint":true,"x":1.0}',
    '"icons":[{"src":"a","x":1.0}]',
    '"execution":{"taskSupport":"optional"}',
    `"_meta":${ODD_OBJECT}`,
  );
}

// ---------------------------------------------------------------------------------------------------------- any text

/** JSON texts, not values: with escapes, numbers and spaces in every form that the grammar allows. */
export function jsonText(): fc.Arbitrary<string> {
  const space = fc.constantFrom('', '', '', ' ', '\n', '\r\n', '\t ');
  const character = fc.oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 3 }).map((text) => JSON.stringify(text).slice(1, -1)),
    fc.constantFrom('\\"', '\\\\', '\\/', '\\n', '\\u0000', '\\ud83d', '\\uDE00', '\u2028', '\ufeff', '{', '],', ':'),
  );
  const string = fc.array(character, { maxLength: 6 }).map((parts) => `"${parts.join('')}"`);
  const number = fc.stringMatching(/^-?(?:0|[1-9][0-9]{0,25})(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,3})?$/);
  const leaf = fc.oneof(string, number, fc.constantFrom('true', 'false', 'null'));
  const { value } = fc.letrec<{ value: string; array: string; object: string }>((tie) => ({
    value: fc.oneof({ maxDepth: 5, withCrossShrink: true }, leaf, tie('array'), tie('object')),
    array: fc
      .array(fc.tuple(space, tie('value'), space), { maxLength: 5 })
      .map((items) => `[${items.map((parts) => parts.join('')).join(',')}]`),
    object: fc
      .uniqueArray(fc.tuple(space, string, space, tie('value'), space), {
        maxLength: 5,
        selector: ([, key]) => JSON.parse(key) as string,
      })
      .map((members) => `{${members.map(([a, key, b, text, c]) => `${a}${key}${b}:${text}${c}`).join(',')}}`),
  }));
  return value;
}
