import { useEffect, useState } from 'preact/hooks';
import type { Trace } from '../feed.ts';
import { readJson } from './feed-text.ts';
import type { ConsoleState } from './state.ts';

/** What is known of a trace; `absent` when the gateway has none of that id. */
export type KnownTrace =
  | { readonly kind: 'asking' | 'absent' }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'there'; readonly trace: Trace };

/** A trace as the feed has sent it, which is always the newest there is; asked for when it was sent before this page came. */
export function useTrace(traceId: string, { traces, snapshots }: ConsoleState): KnownTrace {
  const sent = traces.get(traceId);
  const isSent = sent !== undefined;
  const [answered, setAnswered] = useState<KnownTrace>({ kind: 'asking' });
  useEffect(() => {
    if (isSent) return;
    const asking = new AbortController();
    setAnswered({ kind: 'asking' });
    const answer = (known: KnownTrace) => {
      if (!asking.signal.aborted) setAnswered(known);
    };
    ask(traceId, asking.signal).then(answer, (error: unknown) => answer({ kind: 'failed', reason: String(error) }));
    return () => asking.abort();
  }, [traceId, isSent, snapshots]);
  return isSent ? { kind: 'there', trace: sent } : answered;
}

async function ask(traceId: string, signal: AbortSignal): Promise<KnownTrace> {
  const response = await fetch(`/console/traces/${encodeURIComponent(traceId)}`, { signal });
  if (response.status === 204) return { kind: 'absent' };
  if (!response.ok) return { kind: 'failed', reason: `HTTP ${response.status}` };
  return { kind: 'there', trace: readJson(await response.text()) as Trace };
}
