import { describe, expect, it } from 'vitest';
import { resourceOf, resourcesOf, synthesize, type Properties } from './kit.ts';

const FUNCTION = 'AWS::Lambda::Function';
const RULE = 'AWS::XRay::SamplingRule';

const least = synthesize();
const ruleOf = (template = least) => resourceOf(template, RULE)['SamplingRule'] as Properties;

describe('traces', () => {
  it('are of the gateway, and not of housekeeping, which runs every minute', () => {
    expect(resourceOf(least, FUNCTION, 'Gateway')).toMatchObject({ TracingConfig: { Mode: 'Active' } });
    expect(resourceOf(least, FUNCTION, 'Housekeeper')).not.toHaveProperty('TracingConfig');
  });

  it('are granted before the function is told to write them', () => {
    const [gateway] = Object.entries(least.findResources(FUNCTION)).filter(([id]) => id.startsWith('Gateway'));
    expect(gateway?.[1]['DependsOn']).toContainEqual(expect.stringMatching(/^GatewayTraces/));
  });

  it('leave nothing in the stack when they are off', () => {
    const off = synthesize({ deployment: { tracing: 'off' } });
    expect(resourcesOf(off, RULE).size).toBe(0);
    for (const [, properties] of resourcesOf(off, FUNCTION)) expect(properties).not.toHaveProperty('TracingConfig');
    expect(JSON.stringify(off.toJSON())).not.toContain('xray:');
  });
});

describe('the sampling rule', () => {
  it('takes one of twenty requests when nothing is said, and none in any case', () => {
    expect(ruleOf()).toMatchObject({ ReservoirSize: 0, FixedRate: 0.05 });
  });

  it('takes what the configuration says', () => {
    const template = synthesize({ deployment: { tracing: { perSecond: 2, rate: 0.5 } } });
    expect(ruleOf(template)).toMatchObject({ ReservoirSize: 2, FixedRate: 0.5 });
  });

  it('is for the gateway alone, whoever asks', () => {
    expect(ruleOf()).toMatchObject({
      ServiceName: { Ref: expect.stringMatching(/^GatewayFunction/) },
      ServiceType: '*',
      Host: '*',
      HTTPMethod: '*',
      URLPath: '*',
      ResourceARN: '*',
      Version: 1,
    });
  });

  it('comes before the default of X-Ray', () => {
    expect(ruleOf()['Priority']).toBeLessThan(10_000);
  });

  it('has a name of its own that X-Ray takes, however long the name of the stack is', () => {
    const names = ['Sluice', 'Other', 'x'.repeat(64)].map((name) => ruleOf(synthesize({}, name))['RuleName']);
    expect(new Set(names).size).toBe(3);
    for (const name of names) expect(name).toMatch(/^[A-Za-z0-9]{1,32}$/);
  });
});
