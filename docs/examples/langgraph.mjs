// An agent of LangGraph: `OPENAI_API_KEY=… COUNTERSIGN_TOKEN=… node langgraph.mjs "What it shall do."`
import { MultiServerMCPClient } from '@langchain/mcp-adapters';
import { ChatOpenAI } from '@langchain/openai';
import { createAgent } from 'langchain';

const { COUNTERSIGN_URL = 'http://127.0.0.1:8080/mcp', COUNTERSIGN_TOKEN, MODEL = 'gpt-5.1' } = process.env;

const servers = new MultiServerMCPClient({
  countersign: { transport: 'http', url: COUNTERSIGN_URL, headers: { Authorization: `Bearer ${COUNTERSIGN_TOKEN}` } },
});
try {
  const tools = await servers.getTools();
  const server = await servers.getClient('countersign');
  const agent = createAgent({ model: new ChatOpenAI({ model: MODEL }), tools, systemPrompt: server.getInstructions() });
  const { messages } = await agent.invoke({ messages: [{ role: 'user', content: process.argv[2] }] });
  console.log(messages.at(-1).content);
} finally {
  await servers.close();
}
