/** Who is to answer a call: the gateway itself, or an upstream of the virtual server. */
import type { GatewayConfig, UpstreamConfig } from '../config/schema.ts';
import { fail, succeed, type Result } from '../errors.ts';
import { upstreamTargetName, type Call, type View } from '../protocol/call.ts';

/** An upstream as one virtual server shows it. */
export interface ServerUpstream {
  readonly name: string;
  readonly config: UpstreamConfig;
  readonly view: View;
}

export interface VirtualServer {
  readonly name: string;
  /** The one upstream behind it. */
  readonly upstream: ServerUpstream;
}

export type Plan =
  /** The gateway answers by itself. */
  | { readonly kind: 'answer' }
  /** One upstream answers; `targetName` is what the call is for, as the upstream knows it. */
  | { readonly kind: 'one'; readonly upstream: ServerUpstream; readonly targetName: string | undefined };

export function virtualServers(config: GatewayConfig): ReadonlyMap<string, VirtualServer> {
  const servers = new Map<string, VirtualServer>();
  for (const [name, server] of Object.entries(config.servers)) {
    const upstreamName = server.upstreams[0];
    const upstream = upstreamName === undefined ? undefined : config.upstreams[upstreamName];
    if (upstreamName === undefined || upstream === undefined) continue;
    const view = { prefix: upstream.prefix, tools: server.tools };
    servers.set(name, { name, upstream: { name: upstreamName, config: upstream, view } });
  }
  return servers;
}

export function planCall(call: Call, server: VirtualServer): Result<Plan> {
  const { rule, request, target } = call;
  const { upstream } = server;
  switch (rule.plan) {
    case 'answer':
    case 'deliver':
      return succeed({ kind: 'answer' });
    case 'all':
      // Behind a virtual server there is one upstream, and all of them is that one.
      return succeed({ kind: 'one', upstream, targetName: undefined });
    case 'one':
      break;
  }
  if (rule.target === undefined) return succeed({ kind: 'one', upstream, targetName: undefined });
  if (target === undefined) {
    return fail({ kind: 'invalid-params', reason: `${request.method} does not say what it is for` });
  }
  const targetName = upstreamTargetName(target, upstream.view);
  return targetName === undefined
    ? fail({ kind: 'unknown-name', what: target.what, name: target.name })
    : succeed({ kind: 'one', upstream, targetName });
}
