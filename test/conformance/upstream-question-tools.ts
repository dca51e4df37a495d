import type {
  CallToolResult,
  ClientCapabilities,
  InputRequiredResult,
  McpServer,
  RequestStateCodec,
  ServerContext,
} from '@modelcontextprotocol/server';
import { acceptedContent, inputRequired, inputResponse } from '@modelcontextprotocol/server';
import * as z from 'zod/v4';

/** What a call remembers between its rounds; the client carries it, signed. */
interface State {
  readonly step: 'asked' | 'named';
}

type Answer = CallToolResult | InputRequiredResult;
type Form = Parameters<typeof inputRequired.elicit>[0];

const nameForm = z.object({ name: z.string() });
const colorForm = z.object({ color: z.string() });
const confirmForm = z.object({ ok: z.boolean() });

/** Tools that ask the client before they answer. */
export function registerQuestionTools(server: McpServer, state: RequestStateCodec): void {
  registerSimpleQuestions(server);
  registerForms(server);
  registerInputRequired(server);
  registerStateful(server, state);
}

function registerSimpleQuestions(server: McpServer): void {
  server.registerTool(
    'test_sampling',
    { description: 'Asks the model', inputSchema: z.object({ prompt: z.string() }) },
    ({ prompt }, context) =>
      sample(context, 'answer', prompt, 100, (completion) => text(`LLM response: ${completion}`)),
  );
  server.registerTool(
    'test_elicitation',
    { description: 'Asks the user', inputSchema: z.object({ message: z.string() }) },
    ({ message }, context) => {
      const requestedSchema = z.object({
        username: z.string().describe("User's response"),
        email: z.string().describe("User's email address"),
      });
      return elicit(context, { message, requestedSchema }, 'User response:');
    },
  );
  server.registerTool(
    'test_missing_capability',
    { description: 'Asks the model, which the client may not have declared' },
    (context) => sample(context, 'sampled', 'Say something', 50, text),
  );
  server.registerTool('test_streaming_elicitation', { description: 'Asks the user before it answers' }, (context) =>
    askName(context, (name) => text(`Hello, ${name}!`)),
  );
}

/** A form with a default for every primitive type (SEP-1034). */
const DEFAULTS_FORM: Form['requestedSchema'] = {
  type: 'object',
  properties: {
    name: { type: 'string', description: 'User name', default: 'John Doe' },
    age: { type: 'integer', description: 'User age', default: 30 },
    score: { type: 'number', description: 'User score', default: 95.5 },
    status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
    verified: { type: 'boolean', description: 'Verification status', default: true },
  },
  required: [],
};

/** A form with every way to offer a choice (SEP-1330). */
const ENUMS_FORM: Form['requestedSchema'] = {
  type: 'object',
  properties: {
    untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
    titledSingle: {
      type: 'string',
      oneOf: [
        { const: 'value1', title: 'First Option' },
        { const: 'value2', title: 'Second Option' },
        { const: 'value3', title: 'Third Option' },
      ],
    },
    legacyEnum: {
      type: 'string',
      enum: ['opt1', 'opt2', 'opt3'],
      enumNames: ['Option One', 'Option Two', 'Option Three'],
    },
    untitledMulti: { type: 'array', items: { type: 'string', enum: ['option1', 'option2', 'option3'] } },
    titledMulti: {
      type: 'array',
      items: {
        anyOf: [
          { const: 'value1', title: 'First Choice' },
          { const: 'value2', title: 'Second Choice' },
          { const: 'value3', title: 'Third Choice' },
        ],
      },
    },
  },
  required: [],
};

function registerForms(server: McpServer): void {
  server.registerTool('test_elicitation_sep1034_defaults', { description: 'Asks with defaults' }, (context) =>
    elicit(context, { message: 'Please review the defaults', requestedSchema: DEFAULTS_FORM }, COMPLETED),
  );
  server.registerTool('test_elicitation_sep1330_enums', { description: 'Asks with choices' }, (context) =>
    elicit(context, { message: 'Please choose', requestedSchema: ENUMS_FORM }, COMPLETED),
  );
}

const COMPLETED = 'Elicitation completed:';

function registerInputRequired(server: McpServer): void {
  server.registerTool('test_input_required_result_elicitation', { description: 'Asks for a name' }, (context) =>
    askName(context, (name) => text(`Hello, ${name}!`)),
  );
  server.registerTool('test_input_required_result_sampling', { description: 'Asks the model' }, (context) =>
    sample(context, 'capital_question', 'What is the capital of France?', 100, text),
  );
  server.registerTool('test_input_required_result_list_roots', { description: 'Asks for roots' }, (context) => {
    const answer = inputResponse(context.mcpReq.inputResponses, 'client_roots');
    if (answer.kind === 'roots') return text(`Roots: ${answer.roots.map(({ uri }) => uri).join(', ')}`);
    return inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } });
  });
  server.registerTool(
    'test_input_required_result_capabilities',
    { description: 'Asks only what the client declared that it can answer' },
    (context) => askWithin(context, server.server.getClientCapabilities() ?? {}),
  );
}

function askWithin(context: ServerContext, { sampling, elicitation }: ClientCapabilities): Answer {
  const responses = context.mcpReq.inputResponses;
  if (sampling === undefined && elicitation === undefined) return text('The client answers no questions');
  const answered =
    (sampling === undefined || inputResponse(responses, 'sampled').kind === 'sampling') &&
    (elicitation === undefined || inputResponse(responses, 'elicited').kind === 'elicit');
  if (answered) return text('The client answered everything it can');
  return inputRequired({
    inputRequests: {
      ...(sampling === undefined ? {} : { sampled: samplingRequest('Say something', 50) }),
      ...(elicitation === undefined ? {} : { elicited: nameQuestion() }),
    },
  });
}

function registerStateful(server: McpServer, codec: RequestStateCodec): void {
  const mint = async (state: State): Promise<string> => await codec.mint(state);
  const confirm = async (context: ServerContext): Promise<Answer> => {
    const confirmed = acceptedContent(context.mcpReq.inputResponses, 'confirm', confirmForm);
    if (confirmed !== undefined && stateOf(context)?.step === 'asked') return text(`state-ok: ${confirmed.ok}`);
    const question = { message: 'Please confirm', requestedSchema: confirmForm };
    return inputRequired({
      inputRequests: { confirm: inputRequired.elicit(question) },
      requestState: await mint({ step: 'asked' }),
    });
  };
  server.registerTool('test_input_required_result_request_state', { description: 'Keeps state' }, confirm);
  server.registerTool('test_input_required_result_tampered_state', { description: 'Guards its state' }, confirm);
  server.registerTool(
    'test_input_required_result_multiple_inputs',
    { description: 'Asks three things at once' },
    (context) => askEverything(context, mint),
  );
  server.registerTool(
    'test_input_required_result_multi_round',
    { description: 'Asks one thing after the other' },
    (context) => askInRounds(context, mint),
  );
}

type Mint = (state: State) => Promise<string>;

async function askEverything(context: ServerContext, mint: Mint): Promise<Answer> {
  const responses = context.mcpReq.inputResponses;
  const name = acceptedContent(responses, 'user_name', nameForm)?.name;
  const greeting = inputResponse(responses, 'greeting');
  const roots = inputResponse(responses, 'client_roots');
  const asked = stateOf(context)?.step === 'asked';
  if (asked && name !== undefined && greeting.kind === 'sampling' && roots.kind === 'roots') {
    return text(`${completionOf(greeting.result)} ${name}, you have ${roots.roots.length} roots`);
  }
  return inputRequired({
    inputRequests: {
      user_name: nameQuestion(),
      greeting: samplingRequest('Generate a greeting', 50),
      client_roots: inputRequired.listRoots(),
    },
    requestState: await mint({ step: 'asked' }),
  });
}

async function askInRounds(context: ServerContext, mint: Mint): Promise<Answer> {
  const responses = context.mcpReq.inputResponses;
  const step = stateOf(context)?.step;
  const color = acceptedContent(responses, 'step2', colorForm)?.color;
  if (step === 'named' && color !== undefined) return text(`Favorite color: ${color}`);
  const named = step === 'named' || (step === 'asked' && acceptedContent(responses, 'step1', nameForm) !== undefined);
  if (named) {
    const question = { message: 'Step 2: What is your favorite color?', requestedSchema: colorForm };
    const inputRequests = { step2: inputRequired.elicit(question) };
    return inputRequired({ inputRequests, requestState: await mint({ step: 'named' }) });
  }
  const question = { message: 'Step 1: What is your name?', requestedSchema: nameForm };
  const inputRequests = { step1: inputRequired.elicit(question) };
  return inputRequired({ inputRequests, requestState: await mint({ step: 'asked' }) });
}

/** The SDK has verified the signature by the time a handler runs. */
function stateOf(context: ServerContext): State | undefined {
  return context.mcpReq.requestState<State>();
}

function nameQuestion(): ReturnType<typeof inputRequired.elicit> {
  return inputRequired.elicit({ message: 'What is your name?', requestedSchema: nameForm });
}

function askName(context: ServerContext, answer: (name: string) => Answer): Answer {
  const given = acceptedContent(context.mcpReq.inputResponses, 'user_name', nameForm);
  if (given !== undefined) return answer(given.name);
  return inputRequired({ inputRequests: { user_name: nameQuestion() } });
}

/** Says back whatever the user did with the form. */
function elicit(context: ServerContext, form: Form, prefix: string): Answer {
  const answer = inputResponse(context.mcpReq.inputResponses, 'form');
  if (answer.kind !== 'elicit') return inputRequired({ inputRequests: { form: inputRequired.elicit(form) } });
  return text(`${prefix} action=${answer.action}, content=${JSON.stringify(answer.content ?? {})}`);
}

function sample(
  context: ServerContext,
  key: string,
  prompt: string,
  maxTokens: number,
  answer: (completion: string) => Answer,
): Answer {
  const given = inputResponse(context.mcpReq.inputResponses, key);
  if (given.kind === 'sampling') return answer(completionOf(given.result));
  return inputRequired({ inputRequests: { [key]: samplingRequest(prompt, maxTokens) } });
}

function samplingRequest(prompt: string, maxTokens: number): ReturnType<typeof inputRequired.createMessage> {
  return inputRequired.createMessage({
    messages: [{ role: 'user', content: { type: 'text', text: prompt } }],
    maxTokens,
  });
}

function completionOf({ content }: { content: unknown }): string {
  const block: unknown = Array.isArray(content) ? content[0] : content;
  const isText = typeof block === 'object' && block !== null && 'text' in block;
  return isText ? String(block.text) : 'No response';
}

function text(value: string): CallToolResult {
  return { content: [{ type: 'text', text: value }] };
}
