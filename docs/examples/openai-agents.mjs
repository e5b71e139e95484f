// An agent of the OpenAI Agents SDK: `OPENAI_API_KEY=… COUNTERSIGN_TOKEN=… node openai-agents.mjs "What it shall do."`
import { Agent, MCPServerStreamableHttp, run, setOpenAIAPI, setTracingDisabled } from '@openai/agents';

const { COUNTERSIGN_URL = 'http://127.0.0.1:8080/mcp', COUNTERSIGN_TOKEN, MODEL = 'gpt-5.1' } = process.env;

// Any server that speaks the chat completions API will do, and nothing of a run is sent elsewhere.
setOpenAIAPI('chat_completions');
setTracingDisabled(true);

const countersign = new MCPServerStreamableHttp({
  name: 'countersign',
  url: COUNTERSIGN_URL,
  requestInit: { headers: { Authorization: `Bearer ${COUNTERSIGN_TOKEN}` } },
});
await countersign.connect();
try {
  const agent = new Agent({
    name: 'Operator',
    model: MODEL,
    instructions: 'Whatever you change, you propose through the tools of countersign, and wait for the decision.',
    mcpServers: [countersign],
  });
  const { finalOutput } = await run(agent, process.argv[2]);
  console.log(finalOutput);
} finally {
  await countersign.close();
}
