/** What docs/security.md says of the freedom of agents, held against the code: who asks a model, and who could act by themselves. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DIALLED_AGENTS } from '../../domain/autonomy.ts';
import { AGENT_NAMES } from '../../domain/decision.ts';

const ROOT = join(import.meta.dirname, '../..');

function sourcesOf(agent: string): string[] {
  const folder = join(ROOT, 'agents', agent);
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !/test/.test(name))
    .map((name) => readFileSync(join(folder, name), 'utf8'));
}

const importsOf = (agent: string): string[] =>
  sourcesOf(agent).flatMap((text) => [...text.matchAll(/from '([^']+)'/g)].map(([, name = '']) => name));

test('a dial is there for every agent that asks a model, and for no other', () => {
  const asking = AGENT_NAMES.filter((agent) => importsOf(agent).some((name) => /tools\/llm\/|^@?langchain/.test(name)));
  expect(asking).toEqual(DIALLED_AGENTS);
});

test('the score of a learned model is read by compliance alone, and there by rules that two people brought to life, and for the order of cases', () => {
  const reading = AGENT_NAMES.filter((agent) => importsOf(agent).some((name) => /risk\/model|risk-model/.test(name)));
  expect(reading).toEqual(['compliance']);
  const decide = readFileSync(join(ROOT, 'agents/compliance/decide.ts'), 'utf8');
  expect([...decide.matchAll(/facts\.risk/g)]).toHaveLength(1);
  expect(decide).toContain('policy.priorityOfRisk * (facts.risk?.score ?? 0)');
});

test('no agent holds a client of an operator, a key of the chain, or a grant', () => {
  for (const agent of AGENT_NAMES) {
    const held = importsOf(agent).filter((name) =>
      /tools\/mmo\/(registry|http|vault)|tools\/aptos\/(send|signer)|graph\/grants|queries\/grants/.test(name),
    );
    expect({ agent, held }).toEqual({ agent, held: [] });
  }
});

test('the page says of each agent by what it decides', () => {
  const page = readFileSync(join(ROOT, 'docs/security.md'), 'utf8');
  const section = page.slice(page.indexOf('## Agents'), page.indexOf('## Execution grants'));
  for (const agent of AGENT_NAMES) expect(section).toContain(`| ${agent} |`);
});
