/** What commands that check a proof have in common: that it is a file, and that the settlement chain may be asked about it. */
import type { Command } from 'commander';
import { type Fault, fault } from '../../domain/errors.ts';

export interface VerifyOptions {
  readonly node?: string;
  readonly chain?: true;
  readonly json?: true;
}

/** Adds the file and the options of such a command. */
export function withProofFile(command: Command): Command {
  return command
    .argument('<file>', 'the file')
    .option('--chain', 'ask the node of the configured chain')
    .option('--node <url>', 'ask this node of that chain instead')
    .option('--json', 'print as JSON');
}

export function asksChain({ chain, node }: VerifyOptions): boolean {
  return chain === true || node !== undefined;
}

/** Nobody knows which chain to ask. */
export function chainUnknown(): Fault {
  return fault('config_invalid', { field: 'CAPP_APTOS_PATH', detail: 'CAPP_APTOS_PATH must name the profile of the chain to ask.' });
}

/** What does not hold of a proof, a line each. */
export function faultLines(faults: readonly string[]): string {
  return [`${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}:`, ...faults].join('\n  ');
}
