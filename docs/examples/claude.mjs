// An agent of the Claude API: `ANTHROPIC_API_KEY=… COUNTERSIGN_TOKEN=… node claude.mjs "What it shall do."`
import Anthropic from '@anthropic-ai/sdk';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const { COUNTERSIGN_URL = 'http://127.0.0.1:8080/mcp', COUNTERSIGN_TOKEN, MODEL = 'claude-sonnet-5-5' } = process.env;

const countersign = new Client({ name: 'operator', version: '1.0.0' });
await countersign.connect(new StreamableHTTPClientTransport(new URL(COUNTERSIGN_URL), {
  requestInit: { headers: { Authorization: `Bearer ${COUNTERSIGN_TOKEN}` } },
}));
const listed = await countersign.listTools();
const tools = listed.tools.map(({ name, description, inputSchema }) => ({ name, description, input_schema: inputSchema }));

const claude = new Anthropic();
const messages = [{ role: 'user', content: process.argv[2] }];
for (;;) {
  const { content } = await claude.messages.create({
    model: MODEL, max_tokens: 4096, system: countersign.getInstructions(), tools, messages,
  });
  messages.push({ role: 'assistant', content });
  const calls = content.filter(({ type }) => type === 'tool_use');
  if (calls.length === 0) {
    console.log(content.map(({ text }) => text).join('\n'));
    break;
  }
  const results = calls.map(async ({ id, name, input }) => {
    const answer = await countersign.callTool({ name, arguments: input });
    return { type: 'tool_result', tool_use_id: id, content: answer.content, is_error: answer.isError };
  });
  messages.push({ role: 'user', content: await Promise.all(results) });
}
await countersign.close();
