/** What AWS is asked for a secret, over HTTP, by its own clients. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createAwsSecrets } from '../../../lib/adapters/secrets/aws.ts';

interface Asked {
  readonly target: string;
  readonly body: unknown;
}

let server: Server;
let asked: Asked[];
let answer: { status: number; body: object };

beforeEach(async () => {
  asked = [];
  server = createServer((request, response) => {
    void text(request).then((body) => {
      asked.push({ target: String(request.headers['x-amz-target']), body: JSON.parse(body) });
      response
        .writeHead(answer.status, { 'content-type': 'application/x-amz-json-1.1' })
        .end(JSON.stringify(answer.body));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${port}`);
  vi.stubEnv('AWS_REGION', 'eu-west-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'any');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'any');
});

afterEach(async () => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const read = (secret: string, store: 'secretsmanager' | 'ssm', signal = new AbortController().signal) =>
  createAwsSecrets()({ secret, store }, signal);

test('a secret of Secrets Manager is asked for by its name', async () => {
  answer = { status: 200, body: { Name: 'a/b', SecretString: 'abc' } };
  expect(await read('a/b', 'secretsmanager')).toBe('abc');
  expect(asked).toEqual([{ target: 'secretsmanager.GetSecretValue', body: { SecretId: 'a/b' } }]);
});

test('a parameter of Systems Manager is asked for decrypted', async () => {
  answer = { status: 200, body: { Parameter: { Name: '/a/b', Value: 'abc' } } };
  expect(await read('/a/b', 'ssm')).toBe('abc');
  expect(asked).toEqual([{ target: 'AmazonSSM.GetParameter', body: { Name: '/a/b', WithDecryption: true } }]);
});

test.each([
  [
    { __type: 'ResourceNotFoundException', message: 'no such secret in account 123456789012' },
    'ResourceNotFoundException',
  ],
  [{ __type: 'AccessDeniedException', Message: 'arn:aws:sts::123456789012:role may not' }, 'AccessDeniedException'],
])('a refusal is told by its name, and not in its words (%j)', async (body, name) => {
  answer = { status: 400, body };
  const refused = await read('a', 'secretsmanager').catch((error: unknown) => error);
  expect(refused).toMatchObject({ name: 'SecretError', message: name, isAnswer: true });
  expect(asked).toHaveLength(1);
});

test('a secret of bytes is none that a header can carry', async () => {
  answer = { status: 200, body: { SecretBinary: 'AAAA' } };
  await expect(read('a', 'secretsmanager')).rejects.toMatchObject({ message: 'it has no text' });
});

test('nothing is asked once the call has ended', async () => {
  answer = { status: 200, body: { SecretString: 'abc' } };
  await expect(read('a', 'secretsmanager', AbortSignal.abort())).rejects.toMatchObject({ name: 'SecretError' });
  expect(asked).toEqual([]);
});

test('a store that is not well has not said no', async () => {
  answer = { status: 500, body: { __type: 'InternalServiceError' } };
  await expect(read('a', 'secretsmanager')).rejects.toMatchObject({ message: 'InternalServiceError', isAnswer: false });
});

test('a call that ends is not waited for, even while credentials are being found', async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', '');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', '');
  const { port } = server.address() as AddressInfo;
  // Nobody answers there: the server of this test waits for a body that never ends.
  const asking = Promise.withResolvers<void>();
  server.removeAllListeners('request');
  server.on('request', () => asking.resolve());
  vi.stubEnv('AWS_CONTAINER_CREDENTIALS_FULL_URI', `http://127.0.0.1:${port}/credentials`);
  const ending = new AbortController();
  const reading = read('a', 'secretsmanager', ending.signal);
  await asking.promise;
  ending.abort();
  await expect(reading).rejects.toMatchObject({ name: 'SecretError', isAnswer: false });
});

test('without a region nothing can be asked, and the reason says so', async () => {
  vi.stubEnv('AWS_REGION', '');
  vi.stubEnv('AWS_CONFIG_FILE', '/nonexistent');
  await expect(read('a', 'secretsmanager')).rejects.toMatchObject({
    message: 'the AWS SDK cannot ask for it: is there a region?',
    isAnswer: false,
  });
});
