/** A query with the columns `subject` and `detail`, one row for each thing that is wrong. */
export interface Check {
  /** Number of the invariant in the design. */
  readonly invariant: number;
  readonly name: string;
  readonly sql: string;
}
