/** What is sent to the X-Ray daemon, as a daemon receives it. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { Recording, type SendSpans } from '../../../lib/adapters/xray/recording.ts';
import { readDocument, type SegmentDocument, type SegmentPart } from '../../../lib/local/xray/document.ts';
import type { InvocationTrace } from '../../../lib/ports/invocation.ts';
import type { Span } from '../../../lib/ports/tracer.ts';

const TRACE: InvocationTrace = {
  id: '1-67891233-abcdef012345678912345678',
  parent: '53995c3f42cd8ad8',
  sampled: true,
};

/** Documents as text, in the order in which they came. */
const received: string[] = [];
let send: SendSpans;

beforeEach(async () => {
  const socket = createSocket('udp4');
  socket.on('message', (datagram) =>
    received.push(datagram.toString().slice('{"format":"json","version":1}\n'.length)),
  );
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  vi.stubEnv('AWS_XRAY_DAEMON_ADDRESS', `127.0.0.1:${socket.address().port}`);
  vi.stubEnv('AWS_EXECUTION_ENV', 'AWS_Lambda_nodejs24.x');
  vi.stubEnv('LAMBDA_TASK_ROOT', '/nowhere');
  vi.stubEnv('_X_AMZN_TRACE_ID', `Root=${TRACE.id};Parent=${TRACE.parent};Sampled=1`);
  ({ sendDocuments: send } = await import('../../../lib/adapters/xray/documents.ts'));
  received.length = 0;
  onTestFinished(() => {
    socket.close();
    vi.unstubAllEnvs();
  });
});

function startRecording(): Recording {
  return new Recording(TRACE, 'gateway', send, (error) => {
    throw error;
  });
}

/** What was sent by `flush`, once this many spans have come; each document is held to X-Ray's format. */
async function flushed(recording: Recording, spans: number): Promise<readonly SegmentDocument[]> {
  await recording.flush();
  const documents = await vi.waitFor(() => {
    const read = received.map(toDocument);
    expect(read.flatMap(within)).toHaveLength(spans);
    return read;
  });
  received.length = 0;
  return documents;
}

function toDocument(text: string): SegmentDocument {
  const result = readDocument(text);
  if (result.kind === 'refused') throw new Error(result.problems.join('; '));
  return result.document;
}

function within(part: SegmentPart): readonly SegmentPart[] {
  return [part, ...part.subsegments.flatMap(within)];
}

function endAll(...spans: readonly Span[]): void {
  for (const span of spans) span.end();
}

test('what has ended is one document, below the segment of the invocation', async () => {
  const recording = startRecording();
  const call = recording.root.begin('tools/call');
  const request = call.begin('upstream time', 'remote');
  request.annotate({ http_method: 'POST', http_status: 200, upstream: 'time', method: 'tools/call' });
  request.begin('body').end();
  endAll(request, call, recording.root);
  const [document, ...others] = await flushed(recording, 4);
  expect(others).toEqual([]);
  expect(document).toMatchObject({ traceId: TRACE.id, parentId: TRACE.parent, id: recording.root.id, name: 'gateway' });
  expect(within(document!).map(({ name }) => name)).toEqual(['gateway', 'tools/call', 'upstream time', 'body']);
  expect(within(document!).map(({ namespace }) => namespace)).toEqual([null, null, 'remote', null]);
});

test('what is under way is sent by itself, and again in its place when it has ended', async () => {
  const recording = startRecording();
  const call = recording.root.begin('tools/call');
  const request = call.begin('upstream time', 'remote');
  endAll(call, recording.root);
  const [gateway, underWay] = await flushed(recording, 3);
  expect(gateway!.subsegments.map(({ name, subsegments }) => [name, subsegments.length])).toEqual([['tools/call', 0]]);
  expect(underWay).toMatchObject({ id: request.id, parentId: call.id, endTime: null });
  request.end();
  const [ended, ...others] = await flushed(recording, 1);
  expect(others).toEqual([]);
  expect(ended).toMatchObject({ id: request.id, parentId: call.id, endTime: expect.any(Number) });
});

test('what went wrong is flagged', async () => {
  const recording = startRecording();
  const spans = (['error', 'throttle', 'fault'] as const).map((verdict) => {
    const span = recording.root.begin(verdict);
    span.fail(verdict);
    return span;
  });
  endAll(...spans, recording.root);
  const [document] = await flushed(recording, 4);
  const flags = document!.subsegments.map(({ isError, isThrottle, isFault }) => [isError, isThrottle, isFault]);
  expect(flags).toEqual([
    [true, false, false],
    [true, true, false],
    [false, false, true],
  ]);
});

test('a trace that is too large for one document is sent in several', async () => {
  const recording = startRecording();
  const calls = Array.from({ length: 200 }, (_, index) => {
    const call = recording.root.begin(`call ${index} ${'x'.repeat(150)}`);
    call.annotate({ tool: `tool-${index}` });
    call.end();
    return call.id;
  });
  recording.root.end();
  const documents = await flushed(recording, 201);
  expect(new Set(documents.flatMap(within).map(({ id }) => id))).toEqual(new Set([recording.root.id, ...calls]));
  expect(
    documents.filter(({ id }) => id !== recording.root.id).every(({ parentId }) => parentId === recording.root.id),
  ).toBe(true);
});

test('a trace has no more than 50 annotations, whatever is said of it', async () => {
  const recording = startRecording();
  for (let index = 0; index < 100; index += 1) {
    const call = recording.root.begin('tools/call');
    call.annotate({ tool: `tool-${index}`, era: 'modern' });
    call.end();
  }
  recording.root.end();
  const parts = (await flushed(recording, 101)).flatMap(within);
  const searched = parts.flatMap(({ annotations }) => Object.entries(annotations));
  expect(searched).toHaveLength(50);
  expect(searched.filter(([name]) => name === 'era')).toHaveLength(1);
});

test('a stream that goes on and on is not recorded for ever', async () => {
  const recording = startRecording();
  for (let index = 0; index < 1000; index += 1) recording.root.begin('read').end();
  recording.root.end();
  const spans = (await flushed(recording, 250)).flatMap(within);
  expect(spans).toHaveLength(250);
});

test('names are made of what X-Ray takes', async () => {
  const recording = startRecording();
  recording.root.begin('upstream <"\u0007\u{1F600}ü>').end();
  recording.root.begin('y'.repeat(300)).end();
  recording.root.end();
  const [document] = await flushed(recording, 3);
  expect(document!.subsegments.map(({ name }) => name)).toEqual(['upstream ____ü_', 'y'.repeat(200)]);
});

test('what the operating system does not take is told, and what comes after it is sent', async () => {
  const errors: unknown[] = [];
  const recording = new Recording(TRACE, 'gateway', send, (error) => errors.push(error));
  const call = recording.root.begin('tools/call');
  call.annotate({ what: 'x'.repeat(70_000) });
  call.end();
  const [underWay] = await flushed(recording, 1);
  expect(errors).toEqual([expect.objectContaining({ code: 'EMSGSIZE' })]);
  expect(underWay).toMatchObject({ id: recording.root.id, endTime: null });
  recording.root.end();
  const [ended] = await flushed(recording, 1);
  expect(ended).toMatchObject({ id: recording.root.id, endTime: expect.any(Number) });
});

test('a trace that cannot be sent is told, and fails nothing', async () => {
  vi.stubEnv('AWS_XRAY_DAEMON_ADDRESS', 'nowhere');
  const errors: unknown[] = [];
  const recording = new Recording(TRACE, 'gateway', send, (error) => errors.push(error));
  recording.root.end();
  await recording.flush();
  expect(errors).toEqual([expect.objectContaining({ message: 'AWS_XRAY_DAEMON_ADDRESS is no address' })]);
});

test('the trace of another invocation is not sent in the name of this one', async () => {
  vi.stubEnv('_X_AMZN_TRACE_ID', 'Root=1-00000000-000000000000000000000000;Parent=53995c3f42cd8ad8;Sampled=1');
  const errors: unknown[] = [];
  const recording = new Recording(TRACE, 'gateway', send, (error) => errors.push(error));
  recording.root.end();
  await recording.flush();
  expect([received, errors.length]).toEqual([[], 1]);
});
