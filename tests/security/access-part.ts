/**
 * `npm run security -- access`: every route as every role, of the owning tenant, of another, and as nobody; second factors, streams,
 * and ids of others in bodies and queries.
 */
import { runAccessMatrix } from './access-matrix.ts';
import { reportOf, type SecurityPart } from './part.ts';

export const access: SecurityPart = {
  name: 'access',
  description: 'every route as every role, as its owner, as another tenant and as nobody, against the checked-in table',
  run: async () => {
    const { routes, roles, checked, references, events, stepUps, wrong, sameAsTable } = await runAccessMatrix();
    const failures = sameAsTable ? wrong : [...wrong, 'the table that is checked in says otherwise'];
    return reportOf('access', { routes, roles, checked, references, events, stepUps }, failures);
  },
};
