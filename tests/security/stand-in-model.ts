/** A model that stands in for a real one: it looks at everything it is offered, then advises. What it was told can be searched. */
import { type ChatRequest, type Reaction, startTestEndpoint, type TestEndpoint } from '../../tools/llm/testing.ts';

const READING = {
  language: 'en',
  purposeClaimed: 'education',
  relationshipClaimed: 'none',
  addressesReviewer: false,
  namesThirdParty: false,
};
const ADVICE = { recommendation: 'review', concerns: ['weak_match'], questions: ['date_of_birth'], cites: [], sureness: 'medium' };

/** Starts it on this machine. */
export function startStandIn(): Promise<TestEndpoint> {
  return startTestEndpoint(react);
}

function react({ tools = [], messages }: ChatRequest): Reaction {
  const names = tools.map(({ function: { name } }) => name);
  if (names.includes('give_reading')) return { do: 'call', tools: [['give_reading', READING]] };
  if (messages.some(({ role }) => role === 'tool')) return { do: 'call', tools: [['give_advice', ADVICE]] };
  const parties = (['sender', 'receiver'] as const).map((role) => ['read_party', { role }] as const);
  const others = names.filter((name) => name.startsWith('read_') && !['read_party', 'read_match'].includes(name));
  return { do: 'call', tools: [['read_match', { ref: 'hit-1' }], ...parties, ...others.map((name) => [name, {}] as const)] };
}
