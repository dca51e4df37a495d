import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { resourceOf, resourcesOf, synthesize, textOf } from './kit.ts';

const FUNCTION_URL = 'AWS::Lambda::Url';
const PERMISSION = 'AWS::Lambda::Permission';
const OPEN = { auth: { mode: 'none', iUnderstandThisIsOpen: true } };

const signed = synthesize();
const open = synthesize(OPEN);

describe('the function URL', () => {
  it('streams', () => {
    expect(resourceOf(signed, FUNCTION_URL)).toMatchObject({ InvokeMode: 'RESPONSE_STREAM' });
  });

  it('leaves CORS to the gateway', () => {
    expect(resourceOf(signed, FUNCTION_URL)).not.toHaveProperty('Cors');
  });

  it('takes signed requests only, and nobody is allowed by the stack, when nothing is said', () => {
    expect(resourceOf(signed, FUNCTION_URL)).toMatchObject({ AuthType: 'AWS_IAM' });
    const principals = [...resourcesOf(signed, PERMISSION).values()].map(({ Principal }) => Principal);
    expect(principals).toEqual(['events.amazonaws.com']);
  });

  it('takes signed requests only when the configuration says so', () => {
    expect(resourceOf(synthesize({ auth: { mode: 'iam' } }), FUNCTION_URL)).toMatchObject({ AuthType: 'AWS_IAM' });
  });

  it('is open when the configuration says so', () => {
    expect(resourceOf(open, FUNCTION_URL)).toMatchObject({ AuthType: 'NONE' });
  });

  it('is open with both permissions that callers need, and the function only through its URL', () => {
    const permissions = [...resourcesOf(open, PERMISSION).values()].filter(({ Principal }) => Principal === '*');
    expect(permissions).toEqual([
      expect.objectContaining({ Action: 'lambda:InvokeFunctionUrl', FunctionUrlAuthType: 'NONE' }),
      expect.objectContaining({ Action: 'lambda:InvokeFunction', InvokedViaFunctionUrl: true }),
    ]);
  });
});

describe('the outputs', () => {
  const valuesOf = (template: typeof signed) =>
    Object.fromEntries(
      Object.entries(template.findOutputs('*')).map(([name, { Value }]) => [
        name,
        textOf(Value).replaceAll(/\{(Gateway|State)[A-Za-z]*?[0-9A-F]{8}(\.?\w*)\}/g, '{$1$2}'),
      ]),
    );

  it('name the endpoint, the function and the table', () => {
    expect(valuesOf(signed)).toMatchObject({
      Endpoint: '{Gateway.FunctionUrl}mcp',
      FunctionArn: '{Gateway.Arn}',
      TableName: '{State}',
    });
  });

  it('have an endpoint for each virtual server, also where two names come out the same', () => {
    const time = { upstreams: ['time'] };
    const outputs = valuesOf(
      synthesize({ servers: { 'team-1': time, default: time, team1: time, clock: time, 'team-1-n2': time } }),
    );
    const endpoints = Object.entries(outputs).filter(([name]) => name.startsWith('Endpoint'));
    expect(Object.fromEntries(endpoints)).toEqual({
      Endpoint: '{Gateway.FunctionUrl}mcp',
      EndpointTeam1: '{Gateway.FunctionUrl}mcp/team-1',
      EndpointTeam1N2: '{Gateway.FunctionUrl}mcp/team1',
      EndpointClock: '{Gateway.FunctionUrl}mcp/clock',
      EndpointTeam1N2N2: '{Gateway.FunctionUrl}mcp/team-1-n2',
    });
  });

  it('have a snippet for a client that connects by itself', () => {
    expect(JSON.parse(valuesOf(open)['ClientSnippet']!)).toEqual({
      mcpServers: { sluice: { type: 'http', url: '{Gateway.FunctionUrl}mcp' } },
    });
  });

  it('have a snippet for a client that needs somebody to sign for it', () => {
    expect(JSON.parse(valuesOf(signed)['ClientSnippet']!)).toEqual({
      mcpServers: {
        sluice: {
          command: 'uvx',
          args: [
            'mcp-proxy-for-aws==1.7.0',
            '{Gateway.FunctionUrl}mcp',
            '--service',
            'lambda',
            '--region',
            '{AWS::Region}',
          ],
          env: { AWS_REGION: '{AWS::Region}' },
        },
      },
    });
  });

  it('have the snippet of the documentation', () => {
    const documented = readFileSync(new URL('../../docs/deploying.md', import.meta.url), 'utf8');
    const ofRegion = valuesOf(signed)['ClientSnippet']!.replaceAll('{AWS::Region}', 'eu-central-1');
    const snippet: unknown = JSON.parse(ofRegion.replace('{Gateway.FunctionUrl}', 'https://.../'));
    const blocks = [...documented.matchAll(/```json\n(.+?)\n```/gs)].map(([, json]) => JSON.parse(json!) as unknown);
    expect(blocks).toContainEqual(snippet);
  });

  it('have a snippet that waits for as long as the longest tool may take', () => {
    const time = { url: 'https://time.example/mcp', timeoutMs: 600_000 };
    const { ClientSnippet } = valuesOf(synthesize({ upstreams: { time } }));
    expect(ClientSnippet).toContain('"--tool-timeout","605"');
  });

  it('have a snippet for the first virtual server where there is no default', () => {
    const servers = { clock: { upstreams: ['time'] }, other: { upstreams: ['time'] } };
    expect(valuesOf(synthesize({ ...OPEN, servers }))['ClientSnippet']).toContain('{Gateway.FunctionUrl}mcp/clock"');
  });
});
