import { FunctionUrlAuthType, InvokeMode, type Function, type FunctionUrl } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import type { AuthConfig } from '../lib/config/schema.ts';

/**
 * The function URL, with streaming. Only a configuration that says so opens it to everyone. CORS is answered by the
 * gateway itself: configured here as well, every header of it would come twice, which browsers refuse.
 */
export class Endpoint extends Construct {
  readonly #url: FunctionUrl;

  constructor(scope: Construct, id: string, target: Function, auth: AuthConfig) {
    super(scope, id);
    this.#url = target.addFunctionUrl({
      authType: auth.mode === 'none' ? FunctionUrlAuthType.NONE : FunctionUrlAuthType.AWS_IAM,
      invokeMode: InvokeMode.RESPONSE_STREAM,
    });
  }

  /** Where a virtual server is: `https://.../mcp`, or `https://.../mcp/<name>`. The URL itself ends with a slash. */
  of(server: string): string {
    return `${this.#url.url}${server === 'default' ? 'mcp' : `mcp/${server}`}`;
  }
}
