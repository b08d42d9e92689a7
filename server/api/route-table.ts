/** The routes of this version and who may use them, without a running API: for the command line and for tests. */
import { connect } from '../../db/connect.ts';
import { createKeyring } from '../../db/keyring.ts';
import { systemClock } from '../../domain/clock.ts';
import { fault } from '../../domain/errors.ts';
import { createLog } from '../log.ts';
import { createApi } from './app.ts';
import { type Permission, permissionsOf } from './permissions.ts';

/** The table of who may do what. An API is put together over nothing and never asked; no connection is opened. */
export function listPermissions(): Permission[] {
  const asked = (): never => {
    throw fault('internal', { internal: 'an API that was made to be read was asked' });
  };
  const { routes } = createApi({
    pool: connect({ url: 'postgres://nobody@127.0.0.1:1/none', applicationName: 'capp routes' }),
    tenants: { of: asked, writing: asked, listing: asked },
    keyring: createKeyring([{ id: 1, master: Buffer.alloc(32) }]),
    clock: systemClock,
    log: createLog({ program: 'routes', destination: { write: () => undefined } }),
    intake: { submit: asked, submitMany: asked, depth: () => 0, requests: () => 0, drain: () => Promise.resolve() },
    findCaller: asked,
    createQuote: asked,
    notify: asked,
    callbackAnswer: asked,
    voidReservation: asked,
    dependencies: {},
    queueDepths: asked,
    version: '',
  });
  return permissionsOf(routes);
}
