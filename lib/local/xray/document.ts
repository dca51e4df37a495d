/**
 * X-Ray segment documents, as the "AWS X-Ray segment documents" page of its developer guide describes them: one segment
 * or subsegment as JSON, with others within it. What X-Ray would refuse, or not find again, is a problem here.
 */
import { isObject, parseJson, type JsonObject } from '../../protocol/message.ts';

/** A segment, or a subsegment: what does not stand within another document says which trace it belongs to. */
export interface SegmentDocument extends SegmentPart {
  /** `1-<8 hexadecimal digits>-<24 hexadecimal digits>`. */
  readonly traceId: string;
}

export interface SegmentPart {
  /** 16 hexadecimal digits. */
  readonly id: string;
  /** Of what it says it is below; of the enclosing document, for one within another. Null for none. */
  readonly parentId: string | null;
  readonly name: string;
  /** `remote` for calls of other services, `aws` for those of AWS. */
  readonly namespace: string | null;
  /** Seconds since the epoch, with a fraction. */
  readonly startTime: number;
  /** Null while it is in progress. */
  readonly endTime: number | null;
  readonly isError: boolean;
  readonly isThrottle: boolean;
  readonly isFault: boolean;
  readonly annotations: Readonly<Record<string, string | number | boolean>>;
  /** What is said besides, and not searched: of the namespace `default`, as far as it is plain and has keys as annotations have. */
  readonly metadata: Readonly<Record<string, string | number | boolean>>;
  readonly subsegments: readonly SegmentPart[];
}

export type DocumentResult =
  | { readonly kind: 'document'; readonly document: SegmentDocument }
  /** One line each, for developers: where, and what is expected there. Nothing of what was found is in them. */
  | { readonly kind: 'refused'; readonly problems: readonly string[] };

const MOST_BYTES = 64 * 1024;
const MOST_NAME_CHARS = 200;
/** X-Ray indexes no more of a trace: of one that has more in a single part, some can never be found. */
const MOST_ANNOTATIONS = 50;
const MOST_ANNOTATION_CHARS = 1000;
const MOST_KEY_CHARS = 500;
/** Documents lie within each other no deeper than this: a limit of this reader. */
const DEEPEST = 50;
/** After so many problems nobody reads on. */
const MOST_PROBLEMS = 20;

const TRACE_ID = /^1-[0-9a-f]{8}-[0-9a-f]{24}$/;
const ID = /^[0-9a-f]{16}$/;
/** "Unicode letters, numbers, and whitespace", and some symbols. */
const NAME = /^[\p{L}\p{N}\p{Z}\t_.:/%&#=+\\\-@]+$/u;
const ANNOTATION_KEY = /^[A-Za-z0-9_]+$/;
const NAMESPACES: readonly unknown[] = ['remote', 'aws'];

/** Reads the text of one document. Never throws, whatever the text is. */
export function readDocument(text: string): DocumentResult {
  if (Buffer.byteLength(text) > MOST_BYTES) return refused([`document: has more than ${MOST_BYTES} bytes`]);
  const value = parseJson(text);
  if (!isObject(value)) return refused(['document: is no JSON object']);
  const reader = new Reader();
  const document = reader.document(value);
  return reader.problems.length === 0 ? { kind: 'document', document } : refused(reader.problems);
}

function refused(problems: readonly string[]): DocumentResult {
  return { kind: 'refused', problems };
}

/** Reads on after a problem, so that all of them are told; what it returns is of use when there is none. */
class Reader {
  readonly problems: string[] = [];

  document(value: JsonObject): SegmentDocument {
    const isSubsegment = value['type'] !== undefined;
    if (isSubsegment) this.#expect(value['type'] === 'subsegment', 'type', 'is "subsegment", or absent');
    if (isSubsegment || value['parent_id'] !== undefined) this.#pattern(value, 'parent_id', ID, '', ID_WORDS);
    const traceId = this.#pattern(value, 'trace_id', TRACE_ID, '', '1-, 8 and 24 hexadecimal digits');
    const parentId = typeof value['parent_id'] === 'string' ? value['parent_id'] : null;
    return { traceId, ...this.#part(value, parentId, '', 0) };
  }

  #part(value: JsonObject, parentId: string | null, place: string, depth: number): SegmentPart {
    const id = this.#pattern(value, 'id', ID, place, ID_WORDS);
    const name = this.#name(value, place);
    const startTime = this.#time(value, 'start_time', place);
    const endTime = this.#endTime(value, startTime, place);
    const namespace = value['namespace'];
    this.#expect(
      namespace === undefined || NAMESPACES.includes(namespace),
      `${place}namespace`,
      'is "remote", "aws" or absent',
    );
    this.#http(value, place);
    this.#cause(value, place);
    this.#expectObject(value, 'aws', place);
    return {
      id,
      parentId,
      name,
      namespace: typeof namespace === 'string' ? namespace : null,
      startTime,
      endTime,
      isError: this.#flag(value, 'error', place),
      isThrottle: this.#flag(value, 'throttle', place),
      isFault: this.#flag(value, 'fault', place),
      annotations: this.#annotationsOf(value, place),
      metadata: this.#metadataOf(value, place),
      subsegments: this.#subsegments(value, id, place, depth),
    };
  }

  #name(value: JsonObject, place: string): string {
    const name = this.#pattern(value, 'name', NAME, place, 'letters, numbers, whitespace and _.:/%&#=+\\-@');
    this.#expect(name.length <= MOST_NAME_CHARS, `${place}name`, `has ${MOST_NAME_CHARS} characters at most`);
    return name;
  }

  #endTime(value: JsonObject, startTime: number, place: string): number | null {
    const isInProgress = this.#flag(value, 'in_progress', place);
    if (isInProgress) {
      this.#expect(value['end_time'] === undefined, `${place}end_time`, 'is absent of what is in progress');
      return null;
    }
    const endTime = this.#time(value, 'end_time', place);
    this.#expect(!(endTime < startTime), `${place}end_time`, 'is not before start_time');
    return endTime;
  }

  /** Milliseconds in its place would be a day of a far future. */
  #time(value: JsonObject, key: string, place: string): number {
    const time = value[key];
    const isTime = typeof time === 'number' && time > 0 && time < 1e11;
    this.#expect(isTime, place + key, 'is a number of seconds since the epoch');
    return isTime ? time : 0;
  }

  #annotationsOf(value: JsonObject, place: string): SegmentPart['annotations'] {
    const annotations = this.#expectObject(value, 'annotations', place);
    const entries = Object.entries(annotations);
    this.#expect(entries.length <= MOST_ANNOTATIONS, `${place}annotations`, `are ${MOST_ANNOTATIONS} at most`);
    for (const [key, annotation] of entries.slice(0, MOST_ANNOTATIONS)) {
      this.#expect(
        isKey(key),
        `${place}annotations`,
        `have keys of letters, digits and _, of ${MOST_KEY_CHARS} characters at most`,
      );
      this.#expect(
        isAnnotation(annotation),
        `${place}annotations`,
        `are booleans, numbers, or texts of ${MOST_ANNOTATION_CHARS} characters at most`,
      );
    }
    return Object.fromEntries(
      entries.filter((entry): entry is [string, string | number | boolean] => isAnnotation(entry[1])),
    );
  }

  #metadataOf(value: JsonObject, place: string): SegmentPart['metadata'] {
    const metadata = this.#expectObject(value, 'metadata', place);
    const own = isObject(metadata['default']) ? metadata['default'] : {};
    return Object.fromEntries(
      Object.entries(own).filter(
        (entry): entry is [string, string | number | boolean] => isKey(entry[0]) && isAnnotation(entry[1]),
      ),
    );
  }

  #http(value: JsonObject, place: string): void {
    const http = this.#expectObject(value, 'http', place);
    const request = this.#expectObject(http, 'request', `${place}http.`);
    for (const key of ['method', 'url', 'user_agent', 'client_ip']) {
      const text = request[key];
      this.#expect(text === undefined || typeof text === 'string', `${place}http.request.${key}`, 'is a text');
    }
    const response = this.#expectObject(http, 'response', `${place}http.`);
    for (const key of ['status', 'content_length']) {
      const number = response[key];
      this.#expect(
        number === undefined || Number.isSafeInteger(number),
        `${place}http.response.${key}`,
        'is a whole number',
      );
    }
  }

  /** The id of an exception that was recorded elsewhere, or the exceptions themselves. */
  #cause(value: JsonObject, place: string): void {
    if (typeof value['cause'] === 'string') return void this.#pattern(value, 'cause', ID, place, ID_WORDS);
    const cause = this.#expectObject(value, 'cause', place);
    for (const exception of this.#list(cause, 'exceptions', `${place}cause.`)) {
      const at = `${place}cause.exceptions.`;
      if (!isObject(exception)) this.#expect(false, at.slice(0, -1), 'are objects');
      else this.#pattern(exception, 'id', ID, at, ID_WORDS);
    }
  }

  #subsegments(value: JsonObject, id: string, place: string, depth: number): readonly SegmentPart[] {
    const subsegments = this.#list(value, 'subsegments', place);
    if (depth === DEEPEST) {
      this.#expect(subsegments.length === 0, 'subsegments', `are ${DEEPEST} deep at most`);
      return [];
    }
    return subsegments.flatMap((subsegment, at) => {
      const there = `${place}subsegments[${at}]`;
      if (isObject(subsegment)) return [this.#part(subsegment, id, `${there}.`, depth + 1)];
      this.#expect(false, there, 'is an object');
      return [];
    });
  }

  #list(value: JsonObject, key: string, place: string): readonly unknown[] {
    const list = value[key] ?? [];
    this.#expect(Array.isArray(list), place + key, 'is a list, or absent');
    return Array.isArray(list) ? list : [];
  }

  #flag(value: JsonObject, key: string, place: string): boolean {
    this.#expect(value[key] === undefined || typeof value[key] === 'boolean', place + key, 'is a boolean, or absent');
    return value[key] === true;
  }

  #pattern(value: JsonObject, key: string, pattern: RegExp, place: string, words: string): string {
    const text = value[key];
    const isRight = typeof text === 'string' && pattern.test(text);
    this.#expect(isRight, place + key, `consists of ${words}`);
    return isRight ? text : '';
  }

  #expectObject(value: JsonObject, key: string, place: string): JsonObject {
    const object = value[key];
    this.#expect(object === undefined || isObject(object), place + key, 'is an object, or absent');
    return isObject(object) ? object : {};
  }

  #expect(isSo: boolean, place: string, words: string): void {
    if (isSo || this.problems.length === MOST_PROBLEMS) return;
    const problem = `${place}: ${words}`;
    if (!this.problems.includes(problem)) this.problems.push(problem);
  }
}

const ID_WORDS = '16 hexadecimal digits';

/** Of annotations, and of what is taken of metadata: whatever else those have for keys is nothing to show. */
function isKey(key: string): boolean {
  return ANNOTATION_KEY.test(key) && key.length <= MOST_KEY_CHARS;
}

function isAnnotation(value: unknown): boolean {
  if (typeof value === 'string') return value.length <= MOST_ANNOTATION_CHARS;
  return typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value));
}
