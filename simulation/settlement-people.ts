/**
 * Those who have a say in settlement: treasury, who approve batches above what keys may consent to and dispute some that were
 * executed, and arbiters, who judge disputes. They act through the API alone, look again when an answer does not come, approve twice or
 * with another digest by mistake, change their minds, come too late, and let some disputes pass in silence.
 */
import { digestOf } from '../domain/ids.ts';
import type { Chance } from '../sandbox/random.ts';
import { type ClientDeps, GET, once } from './people.ts';

/** Each has the key of that place among the approvers' keys, or the arbiters'. */
export const APPROVERS = ['treasury:zawadi', 'treasury:tunde'] as const;
export const ARBITERS = ['arbiter:sena', 'arbiter:baraka', 'arbiter:imani'] as const;

export interface SettlementPerson extends ClientDeps {
  readonly name: string;
  /** How often the person looks, milliseconds. */
  readonly everyMs: number;
}

/** A batch as lists of the API show it. */
interface ShownBatch {
  readonly id: string;
  readonly approvalBy: 'policy' | 'people' | null;
  readonly proposalDigest: string | null;
  readonly dueMinor: string;
  readonly payableAt: string | null;
  readonly evidenceHash: string | null;
}

/** Mistakes and opinions, as shares of what each person sees. */
const APPROVES_OTHER = 0.05;
const APPROVES_TWICE = 0.1;
const DISPUTES = 0.3;
const JUDGES_OTHERWISE = 0.25;
const STAYS_SILENT = 0.25;

/** The rest: how much of a batch its dispute is worth, in the eyes of those who judge it. */
const WORTH = { nothing: 0.35, part: 0.75 };

/** Whether somebody who must approve a batch does so rightly in the end: some take another digest for it, and few of them look again. */
export function approvesRightly(chance: Chance, name: string, batchId: string): boolean {
  return !takesAnother(chance, name, batchId) || looksAgain(chance, name, batchId);
}

function takesAnother(chance: Chance, name: string, batchId: string): boolean {
  return chance.draw(name, 'approves another', batchId) < APPROVES_OTHER;
}

function looksAgain(chance: Chance, name: string, batchId: string): boolean {
  return chance.draw(name, 'approves twice', batchId) < APPROVES_TWICE;
}

/** Somebody who approves, and disputes. */
export function startTreasurer(person: SettlementPerson): void {
  const { name, stage } = person;
  const approved = new Set<string>();
  const ask = asker(person);
  repeat(person, async () => {
    for (const batch of await listOf(person, 'status=proposed&method=chain')) {
      const { id, approvalBy, proposalDigest } = batch;
      if (approvalBy !== 'people' || proposalDigest === null) continue;
      if (approved.has(id) && !looksAgain(stage.chance, name, id)) continue;
      const isOther = !approved.has(id) && takesAnother(stage.chance, name, id);
      const status = await ask(`/v1/settlement/batches/${id}/approvals`, {
        proposalDigest: isOther ? digestOf(`other terms of ${id}`) : proposalDigest,
      });
      if (status === 202 || isOther) approved.add(id);
    }
    if (name !== APPROVERS[0]) return;
    for (const { id, payableAt } of await listOf(person, 'status=executed&method=chain')) {
      if (payableAt === null || stage.chance.draw(name, 'disputes', id) >= DISPUTES) continue;
      await ask(`/v1/settlement/batches/${id}/dispute`, { reasonCode: 'amount_differs', evidenceHash: evidenceOf(id) });
    }
  });
}

/** What treasury has against a batch. */
export function evidenceOf(batchId: string): string {
  return digestOf(`evidence on ${batchId}`);
}

/** Somebody who judges. */
export function startArbiter(person: SettlementPerson): void {
  const { name, stage } = person;
  const judged = new Map<string, bigint>();
  const ask = asker(person);
  repeat(person, async () => {
    for (const { id, dueMinor, evidenceHash } of await listOf(person, 'status=disputed&method=chain')) {
      const draw = (who: string, what: string): number => stage.chance.draw(who, what, id);
      if (evidenceHash === null || draw('everybody', 'stays silent') < STAYS_SILENT) continue;
      const due = BigInt(dueMinor);
      const common = worthOf(due < 0n ? -due : due, draw('everybody', 'worth'), draw('everybody', 'part'));
      const isFirst = !judged.has(id);
      const reversed = isFirst && draw(name, 'judges otherwise') < JUDGES_OTHERWISE ? common / 2n : common;
      if (judged.get(id) === reversed) continue;
      const status = await ask(`/v1/settlement/batches/${id}/votes`, {
        reasonCode: 'as_agreed',
        evidenceHash,
        reversedMinor: reversed.toString(),
      });
      if (status === 202) judged.set(id, reversed);
    }
  });
}

/** Nothing, some part or all of an amount, by two draws. */
function worthOf(amount: bigint, kind: number, part: number): bigint {
  if (kind < WORTH.nothing) return 0n;
  return kind < WORTH.part ? (amount * BigInt(Math.floor(part * 1_000))) / 1_000n : amount;
}

/** Sends a request of a person's, each with a key of its own; the status of the answer, or null when none came back. */
function asker({ name, key, network }: SettlementPerson): (path: string, body: object) => Promise<number | null> {
  let requests = 0;
  return async (path, body) => {
    requests += 1;
    return (await once(network, name, path, body, { key, idempotencyKey: `${name}-${requests}` }))?.status ?? null;
  };
}

async function listOf({ name, key, network }: SettlementPerson, query: string): Promise<readonly ShownBatch[]> {
  const reply = await once(network, name, `/v1/settlement/batches?limit=100&${query}`, GET, { key });
  return reply?.status === 200 ? ((reply.body as { items?: readonly ShownBatch[] }).items ?? []) : [];
}

function repeat({ stage, everyMs }: SettlementPerson, work: () => Promise<void>): void {
  const look = async (): Promise<void> => {
    await work();
    stage.after(everyMs, () => void look());
  };
  stage.after(everyMs, () => void look());
}
