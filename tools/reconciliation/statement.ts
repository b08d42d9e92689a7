/** A statement in our words: what an operator says it moved on our account on one day. */
import type { Currency } from '../../domain/currency.ts';

/** `in`: money came to our float · `out`: it left for a customer · `fee`: the operator charged us. */
export type Direction = 'in' | 'out' | 'fee';

export interface StatementLine {
  /** Its place in the file, 1 for the first movement. */
  readonly position: number;
  readonly operatorReference: string;
  /** What we called it, where the operator repeats that. */
  readonly ourReference: string | null;
  readonly direction: Direction;
  /** Minor units, more than zero. */
  readonly amountMinor: bigint;
  /** What the operator charged for it on the same line, minor units. */
  readonly feeMinor: bigint;
  readonly currency: Currency;
  readonly occurredAtMs: number;
}

export interface Statement {
  readonly format: string;
  readonly lines: readonly StatementLine[];
  /** What the account held before the first and after the last line; null where the statement tells no balance. */
  readonly openingMinor: bigint | null;
  readonly closingMinor: bigint | null;
}
