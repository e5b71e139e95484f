// A language model with a script, as the APIs of OpenAI (chat completions) and Anthropic (messages) answer. It prints the
// port that it listens on. A tool that it was not offered, or an answer of a tool that is an error, ends it.
import { createServer } from 'node:http';

const proposal = {
  action: 'modify_parameters',
  targets: ['rsi-eurusd-paper'],
  changes: { stop_loss_pct: 2.5 },
  rationale: 'A smaller drawdown in every backtest.',
};
// What it does after so many answers of tools.
const script = [
  () => ['list_choices', { action: 'modify_parameters' }],
  () => ['check_recommendation', proposal],
  () => ['propose_recommendation', proposal],
  (answers) => ['wait_for_decision', { case: answers.at(-1).id }],
];
const conclude = (answers) => {
  const { status, outcome } = answers.at(-1);
  return `It is ${status}, and carried out: ${outcome.success}.`;
};

const stop = (why) => {
  console.error(why);
  process.exit(1);
};
const text = (content) => (typeof content === 'string' ? content : content.map((part) => part.text ?? '').join(''));
// A framework may wrap the answer of a tool once more.
const parse = (content) => {
  const answer = JSON.parse(text(content));
  return answer.type === 'text' ? JSON.parse(answer.text) : answer;
};

// Of two answers with one id some frameworks keep one.
let count = 0;
const apis = {
  '/chat/completions': {
    offered: ({ tools }) => tools.map((tool) => tool.function.name),
    answers: ({ messages }) => messages.filter(({ role }) => role === 'tool').map(({ content }) => parse(content)),
    answer: (call, words) => ({
      id: `completion-${++count}`, object: 'chat.completion', created: 0, model: 'scripted',
      usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
      choices: [{
        index: 0,
        finish_reason: call ? 'tool_calls' : 'stop',
        message: call
          ? { role: 'assistant', content: null, tool_calls: [{ id: `call-${call[0]}`, type: 'function', function: { name: call[0], arguments: JSON.stringify(call[1]) } }] }
          : { role: 'assistant', content: words },
      }],
    }),
  },
  '/v1/messages': {
    offered: ({ tools }) => tools.map(({ name }) => name),
    answers: ({ messages }) => messages.flatMap(({ content }) => (typeof content === 'string' ? [] : content))
      .filter(({ type }) => type === 'tool_result')
      .map((result) => (result.is_error ? stop(text(result.content)) : parse(result.content))),
    answer: (call, words) => ({
      id: `message_${++count}`, type: 'message', role: 'assistant', model: 'scripted', stop_sequence: null,
      usage: { input_tokens: 1, output_tokens: 1 },
      stop_reason: call ? 'tool_use' : 'end_turn',
      content: [call ? { type: 'tool_use', id: `call_${call[0]}`, name: call[0], input: call[1] } : { type: 'text', text: words }],
    }),
  },
};

createServer(async (request, response) => {
  let body = '';
  for await (const part of request) body += part;
  const api = apis[new URL(request.url, 'http://model').pathname] ?? stop(`asked for ${request.url}`);
  const asked = JSON.parse(body);
  const answers = api.answers(asked);
  for (const answer of answers) if (answer.error) stop(JSON.stringify(answer));
  const call = script[answers.length]?.(answers);
  if (call && !api.offered(asked).includes(call[0])) stop(`${call[0]} is not offered: ${api.offered(asked)}`);
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(api.answer(call, call ? '' : conclude(answers))));
}).listen(0, '127.0.0.1', function listening() {
  console.log(this.address().port);
});
