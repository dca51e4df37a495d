import type { GetPromptResult, McpServer, PromptMessage } from '@modelcontextprotocol/server';
import { acceptedContent, completable, inputRequired } from '@modelcontextprotocol/server';
import * as z from 'zod/v4';
import { IMAGE } from './samples.ts';

const WORDS = ['test', 'testValue1', 'tester', 'park', 'party'];

const withArguments = z.object({
  arg1: completable(z.string().describe('First test argument'), (prefix) =>
    WORDS.filter((word) => word.startsWith(prefix)),
  ),
  arg2: z.string().describe('Second test argument'),
});

const withResource = z.object({ resourceUri: z.string().describe('URI of the resource to embed') });

const contextForm = z.object({ context: z.string() });

export function registerPrompts(server: McpServer): void {
  server.registerPrompt('test_simple_prompt', { description: 'A prompt without arguments' }, () =>
    user({ type: 'text', text: 'This is a simple prompt for testing.' }),
  );
  server.registerPrompt(
    'test_prompt_with_arguments',
    { description: 'A prompt with two arguments', argsSchema: withArguments },
    ({ arg1, arg2 }) => user({ type: 'text', text: `Prompt with arguments: arg1='${arg1}', arg2='${arg2}'` }),
  );
  server.registerPrompt(
    'test_prompt_with_embedded_resource',
    { description: 'A prompt that embeds a resource', argsSchema: withResource },
    ({ resourceUri }) =>
      user(
        {
          type: 'resource',
          resource: { uri: resourceUri, mimeType: 'text/plain', text: 'Embedded resource content for testing.' },
        },
        { type: 'text', text: 'Please process the embedded resource above.' },
      ),
  );
  server.registerPrompt('test_prompt_with_image', { description: 'A prompt with an image' }, () =>
    user(IMAGE, { type: 'text', text: 'Please analyze the image above.' }),
  );
  server.registerPrompt(
    'test_input_required_result_prompt',
    { description: 'A prompt that asks the user first' },
    (context) => {
      const given = acceptedContent(context.mcpReq.inputResponses, 'user_context', contextForm);
      if (given !== undefined) return user({ type: 'text', text: `Context: ${given.context}` });
      const question = { message: 'What context should the prompt use?', requestedSchema: contextForm };
      return inputRequired({ inputRequests: { user_context: inputRequired.elicit(question) } });
    },
  );
}

function user(...content: PromptMessage['content'][]): GetPromptResult {
  return { messages: content.map((block) => ({ role: 'user', content: block })) };
}
