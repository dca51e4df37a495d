/** Who is to answer a call: the gateway itself, one upstream of the virtual server, or all of them. */
import type { GatewayConfig, UpstreamConfig } from '../config/schema.ts';
import { fail, succeed, type Failure, type Result } from '../errors.ts';
import { upstreamTargetName, type Call, type Target, type View } from '../protocol/call.ts';
import { prefixOf } from '../protocol/names.ts';
import type { ListMember } from '../protocol/methods.ts';

/** An upstream as one virtual server shows it. */
export interface ServerUpstream {
  readonly name: string;
  readonly config: UpstreamConfig;
  readonly view: View;
}

export interface VirtualServer {
  readonly name: string;
  /** In configured order: the first that lists a URI owns it. At least one. */
  readonly upstreams: readonly ServerUpstream[];
}

export type Plan =
  /** The gateway answers by itself. */
  | { readonly kind: 'answer' }
  /** One upstream answers; `targetName` is what the call is for, as the upstream knows it. */
  | { readonly kind: 'one'; readonly upstream: ServerUpstream; readonly targetName: string | undefined }
  /** Whichever upstream has the resource answers. */
  | { readonly kind: 'owner'; readonly uri: string }
  /** Whichever upstream has the resource is to tell of it, or not any more. */
  | { readonly kind: 'subscribe'; readonly uri: string }
  /** The client is told of changes for as long as it listens. */
  | { readonly kind: 'listen' }
  /** Every upstream has a share in the list. */
  | { readonly kind: 'list'; readonly member: ListMember }
  /** Every upstream is told. */
  | { readonly kind: 'all' };

export function virtualServers(config: GatewayConfig): ReadonlyMap<string, VirtualServer> {
  return new Map(
    Object.entries(config.servers).map(([name, server]) => {
      const upstreams = server.upstreams.flatMap((upstreamName): ServerUpstream[] => {
        const upstream = config.upstreams[upstreamName];
        if (upstream === undefined) return [];
        return [{ name: upstreamName, config: upstream, view: { prefix: upstream.prefix, tools: server.tools } }];
      });
      return [name, { name, upstreams }];
    }),
  );
}

export function upstreamNamed(server: VirtualServer, name: string): ServerUpstream | undefined {
  return server.upstreams.find((upstream) => upstream.name === name);
}

export function planCall(call: Call, server: VirtualServer): Result<Plan> {
  const { rule, request, target } = call;
  switch (rule.plan) {
    case 'answer':
    case 'deliver':
      return succeed({ kind: 'answer' });
    case 'listen':
      return succeed({ kind: 'listen' });
    case 'subscribe':
      return target === undefined ? nameless(request.method) : succeed({ kind: 'subscribe', uri: target.name });
    case 'all':
      return succeed(rule.list === undefined ? { kind: 'all' } : { kind: 'list', member: rule.list });
    case 'one':
      return target === undefined ? nameless(request.method) : planTarget(target, server);
  }
}

function nameless(method: string): Result<never> {
  return fail({ kind: 'invalid-params', reason: `${method} does not say what it is for` });
}

/** A name routes by its prefix alone, without a catalog; who has a URI is for the catalog to say. */
function planTarget(target: Target, server: VirtualServer): Result<Plan> {
  if (target.what === 'resource') {
    const [only, ...others] = server.upstreams;
    return only !== undefined && others.length === 0
      ? succeed({ kind: 'one', upstream: only, targetName: target.name })
      : succeed({ kind: 'owner', uri: target.name });
  }
  const upstream = upstreamOfName(target.name, server);
  const targetName = upstream && upstreamTargetName(target, upstream.view);
  return upstream === undefined || targetName === undefined
    ? fail(unknownName(target))
    : succeed({ kind: 'one', upstream, targetName });
}

/** Prefixes hold no underscore, so that a name has one prefix at most; without a known one it goes to the upstream without. */
export function upstreamOfName(clientName: string, server: VirtualServer): ServerUpstream | undefined {
  const prefix = prefixOf(clientName);
  const named = prefix && server.upstreams.find(({ view }) => view.prefix === prefix);
  return named || server.upstreams.find(({ view }) => view.prefix === '');
}

export function unknownName({ what, name }: Target): Failure {
  return { kind: 'unknown-name', what, name };
}
