import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { connect } from '../../lib/adapters/dynamodb/sdk.ts';
import { grantsOf, statementsOf } from './grants.ts';
import { resourcesOf, synthesize } from './kit.ts';

const plain = synthesize();
const withSecrets = synthesize({
  upstreams: {
    time: {
      url: 'https://time.example/mcp',
      headers: {
        'x-api-key': { secret: 'time/key', store: 'secretsmanager' },
        'x-team': { secret: '/teams/search', store: 'ssm' },
      },
    },
    word: {
      url: 'https://word.example/mcp',
      headers: {
        'x-api-key': { secret: 'word', store: 'ssm' },
        'x-other': { secret: 'time/key', store: 'secretsmanager' },
      },
    },
  },
});

const logs = (role: string) => ({
  actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
  resources: [`{${role}Logs.Arn}`],
});

const RECORDS = {
  actions: [
    'dynamodb:BatchGetItem',
    'dynamodb:DeleteItem',
    'dynamodb:GetItem',
    'dynamodb:PutItem',
    'dynamodb:Query',
    'dynamodb:UpdateItem',
  ],
  resources: ['{StateTable.Arn}'],
};

/** In a policy of its own. X-Ray has no resources for this. */
const TRACES = { actions: ['xray:PutTelemetryRecords', 'xray:PutTraceSegments'], resources: ['*'] };

const ACCOUNT = '{AWS::Region}:{AWS::AccountId}';

const SECRETS = [
  {
    actions: ['secretsmanager:GetSecretValue'],
    resources: [`arn:{AWS::Partition}:secretsmanager:${ACCOUNT}:secret:time/key-??????`],
  },
  { actions: ['ssm:GetParameter'], resources: [`arn:{AWS::Partition}:ssm:${ACCOUNT}:parameter/teams/search`] },
  { actions: ['ssm:GetParameter'], resources: [`arn:{AWS::Partition}:ssm:${ACCOUNT}:parameter/word`] },
];

const INDEX = { actions: ['dynamodb:Query'], resources: ['{StateTable.Arn}/index/expiry'] };

const sorted = (template: typeof plain, role: string) =>
  statementsOf(template, role).map(({ actions, resources }) => ({ actions: actions.toSorted(), resources }));

describe('the gateway', () => {
  it('may write its log, use the records of the table and write traces', () => {
    const granted = sorted(plain, 'Gateway');
    expect(granted).toHaveLength(3);
    expect(granted).toEqual(expect.arrayContaining([logs('Gateway'), RECORDS, TRACES]));
  });

  it('may write no traces where there are none', () => {
    const untraced = synthesize({ deployment: { tracing: 'off' } });
    expect(sorted(untraced, 'Gateway')).toEqual([logs('Gateway'), RECORDS]);
  });

  it('may read each secret that the configuration names, and no other', () => {
    const granted = sorted(withSecrets, 'Gateway');
    expect(granted).toHaveLength(6);
    expect(granted).toEqual(expect.arrayContaining([logs('Gateway'), RECORDS, TRACES, ...SECRETS]));
  });

  it('may send the requests that the stores can send, and no others', () => {
    const requests = Object.keys(connect({ endpoint: 'http://127.0.0.1:1' }));
    const actions = requests.map((name) => `dynamodb:${name[0]!.toUpperCase()}${name.slice(1)}`);
    const granted = grantsOf(plain, 'Gateway').filter(({ action }) => action.startsWith('dynamodb:'));
    expect(granted.map(({ action }) => action).toSorted()).toEqual(actions.toSorted());
  });
});

describe('what is asked of the stores of secrets', () => {
  it('is what may be asked of them', () => {
    const source = readFileSync(new URL('../../lib/adapters/secrets/aws.ts', import.meta.url), 'utf8');
    const sent = [...source.matchAll(/new (\w+)Command\(/g)].map(([, request]) => request!);
    const granted = SECRETS.flatMap(({ actions }) => actions.map((action) => action.replace(/^\w+:/, '')));
    expect(new Set(sent)).toEqual(new Set(granted));
  });
});

describe('housekeeping', () => {
  it('may do the same without being traced, and find what has expired', () => {
    expect(sorted(plain, 'Housekeeper')).toEqual([logs('Housekeeper'), RECORDS, INDEX]);
  });

  it('may read the secrets as well, as it calls the same upstreams', () => {
    const granted = sorted(withSecrets, 'Housekeeper');
    expect(granted).toHaveLength(6);
    expect(granted).toEqual(expect.arrayContaining([logs('Housekeeper'), RECORDS, INDEX, ...SECRETS]));
  });
});

describe('no grant of any function', () => {
  const all = ['Gateway', 'Housekeeper'].flatMap((role) => grantsOf(withSecrets, role));

  it('is for all actions of a kind', () => {
    expect(all.filter(({ action }) => action.includes('*'))).toEqual([]);
  });

  it('is for all resources of a kind, but to write traces, which have none; and only the end of the name of a secret is open, which Secrets Manager chooses', () => {
    const open = all.filter(({ resource }) => /[*?]/.test(resource.replace(/(?<=:secret:.+)-\?{6}$/, '')));
    expect(open.map(({ action }) => action).toSorted()).toEqual(TRACES.actions);
  });

  it('comes from a policy that AWS manages', () => {
    for (const [, role] of resourcesOf(withSecrets, 'AWS::IAM::Role')) {
      expect(role).not.toHaveProperty('ManagedPolicyArns');
    }
  });
});
