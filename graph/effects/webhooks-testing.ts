/** What delivering webhooks needs of the graph, for tests: no operators, private networks allowed, warnings kept. */
import type { Pool } from 'pg';
import type { Keyring } from '../../db/keyring.ts';
import type { Clock } from '../../domain/clock.ts';
import { DEFAULT_GRAPH_SETTINGS, type GraphDeps } from '../types.ts';

/** Deps over a database; what is warned of is added to `warnings`. */
export function webhookDeps(pool: Pool, clock: Clock, keyring: Keyring, warnings: string[]): GraphDeps {
  const unused = () => {
    throw new Error('not for webhooks');
  };
  return {
    pool,
    clock,
    log: {
      debug: () => undefined,
      info: () => undefined,
      warn: (_fields, message) => void warnings.push(message),
      error: (fields) => void warnings.push(JSON.stringify(fields)),
    },
    keyring,
    operators: unused,
    callbacks: { urlOf: unused, tokenHash: unused },
    notify: () => undefined,
    settings: { ...DEFAULT_GRAPH_SETTINGS, webhookAllowPrivate: true },
  };
}
