/** What lists hold: parties with what tells them from their namesakes, and the list as it was loaded. */

export type EntryType = 'person' | 'entity' | 'vessel' | 'aircraft';

/** One listed party with everything the list says that can tell it from a namesake. */
export interface SanctionsEntry {
  /** `OFAC-SDN`, `UN-SC`. */
  readonly list: string;
  /** The list's own id: the OFAC entity number, the UN reference number. */
  readonly entryId: string;
  readonly type: EntryType;
  /** Primary name first, then aliases, in natural order of words. */
  readonly names: readonly string[];
  /** Aliases that the list itself calls weak or of low quality. */
  readonly weakNames: readonly string[];
  readonly program: string;
  /** ISO 8601-2: `1953-07-05`, `1953`, `1953~` (about), `1953/1955` (between). */
  readonly datesOfBirth: readonly string[];
  /** Nationality or residence, as the list writes it. */
  readonly countries: readonly string[];
  /** Numbers of passports and other documents. */
  readonly ids?: readonly string[];
  /** What a match means: `sanction` (the default) freezes, `restriction` and `pep` call for people. */
  readonly topic?: Topic;
}

export type Topic = 'sanction' | 'restriction' | 'pep';

/** One list as it was loaded. */
export interface LoadedList {
  readonly name: string;
  /** `OFAC-SDN@2026-02-27#3f9a01c2b4d5`: name, date where the list has one, first digits of the SHA-256 of its bytes. */
  readonly version: string;
  /** The file it came from; null for the sample. */
  readonly file: string | null;
  readonly entries: readonly SanctionsEntry[];
  /** When it was fetched or its file was written; absent for the sample. */
  readonly takenAtMs?: number;
  /** SHA-256 of its bytes, hex; absent for the sample. */
  readonly sourceHash?: string;
}
