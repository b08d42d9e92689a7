/** What the walks over the routes share: who asks, what was made for whom, and what was not as it must be. */
import type { Role } from '../../domain/roles.ts';
import type { Owner } from './access-things.ts';
import type { SecurityApi } from './security-api.ts';

export interface AccessWalk {
  readonly api: SecurityApi;
  /** Whose things are asked for. */
  readonly clientId: string;
  readonly own: ReadonlyMap<Role, Owner>;
  /** The same roles at another client. */
  readonly other: ReadonlyMap<Role, Owner>;
  /** May do everything for the tenant that owns. */
  readonly maker: string;
  readonly wrong: string[];
  /** Ids of what was made for the owner; no answer to anybody else may hold one. */
  readonly ids: Set<string>;
  /** Requests that were made. */
  checked: number;
}

/** A problem or an answer without what differs from request to request. */
export function wordsOf(text: string): string {
  return text.replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID').replace(/"requestId":"[^"]*"/, '');
}
