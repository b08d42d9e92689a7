/** The control plane of the chain: reads its books, scripts what goes wrong, pauses partners, moves the gas price. */
import { z } from 'zod';
import { type Answer, json, parseBody, type SandboxRequest } from '../wire.ts';
import { chainFaultsSchema, FATES, MODES } from './faults.ts';
import { balanceOf } from './fungible.ts';
import { type ChainNode, setMode } from './node.ts';
import { openFrame } from './vm.ts';

const chainChangeSchema = z.strictObject({
  mode: z.enum(MODES).optional(),
  faults: chainFaultsSchema.partial().optional(),
  /** Fates of the next submissions, after those that wait already. */
  next: z.array(z.enum(FATES)).max(1_000).optional(),
  /** The lowest price that gets into a block soon, octas. */
  gasPrice: z
    .string()
    .regex(/^\d{1,10}$/)
    .optional(),
});

export type ChainChange = z.infer<typeof chainChangeSchema>;

/** Changes how the node behaves from now on. */
export function changeChain(node: ChainNode, change: ChainChange): void {
  if (change.mode !== undefined) setMode(node, change.mode);
  if (change.faults !== undefined) node.faults = { ...node.faults, ...change.faults };
  if (change.next !== undefined) node.script.push(...change.next);
  if (change.gasPrice !== undefined) node.gasPrice = BigInt(change.gasPrice);
}

/** Answers a request under the control plane's `/chain`. */
export function serveChainControl(node: ChainNode, assets: Readonly<Record<string, string>>, request: SandboxRequest): Answer {
  if (request.path === '/balances' && request.method === 'GET') return json(200, balances(node, assets, request.query.get('owner') ?? ''));
  if (request.path !== '') return json(404, { error: 'there is nothing here' });
  if (request.method === 'POST') {
    const change = chainChangeSchema.safeParse(parseBody(request.body));
    if (!change.success)
      return json(400, { error: 'the change is not of its form', issues: change.error.issues.map((issue) => issue.message) });
    changeChain(node, change.data);
  } else if (request.method !== 'GET') return json(405, { error: 'method not allowed' });
  return json(200, {
    mode: node.mode,
    faults: node.faults,
    waiting: node.script,
    gasPrice: node.gasPrice.toString(),
    transactions: node.ledger.transactions.length,
    mempool: node.mempool.size,
  });
}

/** What an account holds of every asset, by currency. */
function balances(node: ChainNode, assets: Readonly<Record<string, string>>, owner: string): Record<string, string> {
  const frame = openFrame(node.ledger.state, node.ledger.contract, 0n);
  return Object.fromEntries(Object.entries(assets).map(([currency, asset]) => [currency, balanceOf(frame, owner, asset).toString()]));
}
