/** What a function URL makes of a runtime's response: an answer with a status, headers and a body. */
import type { LambdaFunctionURLResult } from 'aws-lambda';
import type { AnswerSink } from '../../lib/local/emulator/environment.ts';
import type { ResponseHead } from './runtime-api.ts';

/** Of a stream that begins with status and headers as JSON, set off from the body by so many zero bytes. */
const HTTP_RESPONSE = 'application/vnd.awslambda.http-integration-response';
const DELIMITER = Buffer.alloc(8);

/** Takes a response in chunks, cut wherever. Nothing is written to the sink after `end`. */
export interface ResponseWriter {
  chunk(bytes: Buffer, taken: () => void): void;
  /** The response is whole. False when it was none that a function URL understands; the sink then has been told nothing. */
  end(): boolean;
}

export function writeResponse({ streaming, contentType }: ResponseHead, sink: AnswerSink): ResponseWriter {
  if (!streaming) return new BufferedWriter(sink);
  return contentType === HTTP_RESPONSE ? new IntegrationWriter(sink) : new PlainWriter(contentType, sink);
}

class IntegrationWriter implements ResponseWriter {
  readonly #sink: AnswerSink;
  /** What came before the end of the delimiter; undefined after it. */
  #prelude: Buffer | undefined = Buffer.alloc(0);
  #isGarbled = false;

  constructor(sink: AnswerSink) {
    this.#sink = sink;
  }

  chunk(bytes: Buffer, taken: () => void): void {
    if (this.#isGarbled) return taken();
    if (this.#prelude === undefined) return this.#sink.chunk(bytes, taken);
    this.#prelude = Buffer.concat([this.#prelude, bytes]);
    const at = this.#prelude.indexOf(DELIMITER);
    if (at < 0) return taken();
    const prelude = this.#prelude.toString('utf8', 0, at);
    const body = this.#prelude.subarray(at + DELIMITER.length);
    this.#prelude = undefined;
    this.#isGarbled = !isObject(prelude);
    if (this.#isGarbled) return taken();
    this.#sink.head(prelude);
    if (body.length === 0) return taken();
    this.#sink.chunk(body, taken);
  }

  /** Of a function that wrote nothing at all, a function URL sends nothing either. */
  end(): boolean {
    if (this.#isGarbled || (this.#prelude?.length ?? 0) > 0) return false;
    this.#sink.end();
    return true;
  }
}

function isObject(text: string): boolean {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null;
  } catch {
    return false;
  }
}

class PlainWriter implements ResponseWriter {
  readonly #contentType: string;
  readonly #sink: AnswerSink;
  #hasBegun = false;

  constructor(contentType: string, sink: AnswerSink) {
    this.#contentType = contentType;
    this.#sink = sink;
  }

  chunk(bytes: Buffer, taken: () => void): void {
    this.#begin();
    this.#sink.chunk(bytes, taken);
  }

  end(): boolean {
    this.#begin();
    this.#sink.end();
    return true;
  }

  /** Not before there is something to send: a handler that fails at once has a response of this type, too. */
  #begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.#sink.head(JSON.stringify({ statusCode: 200, headers: { 'content-type': this.#contentType } }));
  }
}

/** A result of payload format 2.0, or any other value, which then is the body. */
class BufferedWriter implements ResponseWriter {
  readonly #sink: AnswerSink;
  readonly #chunks: Buffer[] = [];

  constructor(sink: AnswerSink) {
    this.#sink = sink;
  }

  chunk(bytes: Buffer, taken: () => void): void {
    this.#chunks.push(bytes);
    taken();
  }

  end(): boolean {
    const text = Buffer.concat(this.#chunks).toString();
    const result = readResult(text);
    if (result === undefined) return false;
    const { statusCode = 200, headers = {}, cookies = [], body = '', isBase64Encoded = false } = result;
    this.#sink.head(JSON.stringify({ statusCode, headers, cookies }));
    if (body !== '') this.#sink.chunk(isBase64Encoded ? Buffer.from(body, 'base64') : body, () => undefined);
    this.#sink.end();
    return true;
  }
}

type BufferedResult = Exclude<LambdaFunctionURLResult, string>;

function readResult(text: string): BufferedResult | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value === 'object' && value !== null && 'statusCode' in value) return value as BufferedResult;
    return {
      headers: { 'content-type': 'application/json' },
      body: typeof value === 'string' ? value : JSON.stringify(value),
    };
  } catch {
    return undefined;
  }
}
