/** A gateway in front of a misbehaving upstream, or a scripted one, ended together with the test that started it. */
import { onTestFinished } from 'vitest';
import { startFaultyUpstream, type FaultyUpstream, type FaultyUpstreamOptions } from '../support/faulty-upstream.ts';
import { startHarness, type Harness, type HarnessOptions } from '../support/gateway-harness.ts';
import { startScriptedUpstream, type ScriptedUpstream } from './scripted-upstream.ts';

export interface Faulty {
  readonly upstream: FaultyUpstream;
  readonly gateway: Harness;
}

export async function openFaulty(
  era: FaultyUpstreamOptions['era'],
  options: Omit<HarnessOptions, 'url'> = {},
): Promise<Faulty> {
  const upstream = await startFaultyUpstream({ era });
  onTestFinished(() => upstream.stop());
  return { upstream, gateway: await openGateway({ ...options, url: upstream.url }) };
}

export interface Scripted {
  readonly upstream: ScriptedUpstream;
  readonly gateway: Harness;
}

export async function openScripted(options: Omit<HarnessOptions, 'url'> = {}): Promise<Scripted> {
  const upstream = await startScriptedUpstream();
  onTestFinished(() => upstream.stop());
  return { upstream, gateway: await openGateway({ ...options, url: upstream.url }) };
}

/** In front of any upstream. */
export async function openGateway(options: HarnessOptions): Promise<Harness> {
  const gateway = await startHarness(options);
  onTestFinished(() => gateway.close());
  return gateway;
}
