/** Questions to the action log that come up again and again, for CloudWatch Logs Insights. */
import type { Stack } from 'aws-cdk-lib';
import { CfnQueryDefinition, type LogGroup } from 'aws-cdk-lib/aws-logs';

/** The one that housekeeping can answer as well: it writes notices and defects, and no actions. */
const TOLD_BY_BOTH = 'what the operator should know';

/** By name. Of the lines in the log, actions alone have an outcome. */
const QUERIES: Readonly<Record<string, readonly string[]>> = {
  'where the time goes': [
    'filter ispresent(outcome) and method != "GET" and method != "subscriptions/listen"',
    'stats count(*) as calls, pct(gatewayMs, 50) as gatewayP50, pct(gatewayMs, 99) as gatewayP99, pct(upstreamMs, 50) as upstreamP50, pct(upstreamMs, 99) as upstreamP99 by upstream, method',
    'sort calls desc',
  ],
  'the slowest calls': [
    'filter ispresent(outcome) and method != "GET" and method != "subscriptions/listen"',
    'fields @timestamp, totalMs, gatewayMs, upstreamMs, dynamodbRequests, upstream, tool, outcome, cold, attempt, requestId, traceId',
    'sort totalMs desc',
    'limit 50',
  ],
  'errors by kind': [
    'filter outcome = "error" or outcome = "refused"',
    'stats count(*) as calls by errorKind, outcome, upstream',
    'sort calls desc',
  ],
  [TOLD_BY_BOTH]: [
    'filter ispresent(notice) or ispresent(defect)',
    'fields @timestamp, notice, defect, code, upstream, reason, requestId',
    'sort @timestamp desc',
    'limit 200',
  ],
  'unknown outcomes and replays': [
    'filter notice = "outcome-unknown" or errorKind = "outcome-unknown" or replayed = 1',
    'stats count(*) as calls, latest(requestId) as request by upstream, tool, notice, errorKind, replayed',
    'sort calls desc',
  ],
  'what cold starts cost': [
    'filter ispresent(outcome)',
    'stats count(*) as calls, pct(gatewayMs, 50) as p50, pct(gatewayMs, 95) as p95 by cold',
  ],
  'who calls': [
    'filter ispresent(outcome)',
    // Of these two, each line has what there was of the whole HTTP request.
    'stats count(*) as lines, max(bytesIn) as received, sum(bytesOut) as sent, max(dynamodbRequests) as asked by caller, server, requestId',
    'stats sum(lines) as calls, sum(received) as bytesIn, sum(sent) as bytesOut, sum(asked) as dynamodbRequests by caller, server',
    'sort calls desc',
  ],
};

/** In a folder of the stack's name. `housekeeping` is undefined when there is no schedule. */
export function addSavedQueries(stack: Stack, gateway: LogGroup, housekeeping: LogGroup | undefined): void {
  for (const [name, lines] of Object.entries(QUERIES)) {
    const groups = name === TOLD_BY_BOTH && housekeeping !== undefined ? [gateway, housekeeping] : [gateway];
    new CfnQueryDefinition(stack, `Query-${name}`, {
      name: `${stack.stackName}/${name}`,
      logGroupNames: groups.map(({ logGroupName }) => logGroupName),
      queryString: lines.join('\n| '),
    });
  }
}
