/** Secrets that a configuration refers to. */
import { entriesOf, fieldsOf, isFields } from './fields.ts';
import { finding } from './problems.ts';
import type { Finding, Keys } from './problems.ts';
import type { GatewayConfig, SecretReference } from './schema.ts';

/** A reference, and where it is: the keys from the top of the file. */
export interface PlacedReference {
  readonly keys: Keys;
  readonly reference: SecretReference;
}

/** In the order of the file. */
export function secretReferences(config: GatewayConfig): readonly PlacedReference[] {
  return Object.entries(config.upstreams).flatMap(([name, { headers }]) =>
    Object.entries(headers).flatMap(([header, value]) =>
      typeof value === 'string' ? [] : [{ keys: ['upstreams', name, 'headers', header], reference: value }],
    ),
  );
}

/** The environment variable that has the value on one's own machine. */
export function secretVariable({ secret, key }: Pick<SecretReference, 'secret' | 'key'>): string {
  const words = [secret, ...(key === undefined ? [] : [key])].map((word) => word.replace(/[^A-Za-z0-9]+/g, '_'));
  return `SLUICE_SECRET_${words.join('_').toUpperCase()}`.replace(/__+/g, '_').replace(/_$/, '');
}

/** As Systems Manager takes it (PutParameter): a name, or a path from the root. */
const PARAMETER_NAME = /^(?:[A-Za-z0-9_.-]+|(?:\/[A-Za-z0-9_.-]+)+)$/;
const PARAMETER_EXPECTED = 'the name of a parameter: letters, digits and _ . -, or several of them, each after a slash';

/**
 * Names that their store does not take, and two secrets that would be one on one's own machine, where an upstream would
 * be sent the other one's.
 */
export function secretFindings(upstreams: unknown): Finding[] {
  const meant = new Map<string, string>();
  return entriesOf(upstreams).flatMap(([name, upstream]) =>
    entriesOf(fieldsOf(upstream)['headers']).flatMap(([header, value]) => {
      if (!isFields(value) || typeof value['secret'] !== 'string') return [];
      const { secret, store = 'secretsmanager', key } = value;
      const keys = ['upstreams', name, 'headers', header, 'secret'];
      if (store === 'ssm' && !PARAMETER_NAME.test(secret)) return [finding(keys, PARAMETER_EXPECTED)];
      const variable = secretVariable({ secret, ...(typeof key === 'string' && { key }) });
      const id = JSON.stringify([store, secret, key]);
      const other = meant.get(variable) ?? id;
      meant.set(variable, other);
      if (other === id) return [];
      const expected = `a name that is not ${variable}, too, when it is written as a variable: another secret has that`;
      return [finding(keys, expected)];
    }),
  );
}
