/** `npm run security -- fuzz`: thousands of spoiled requests to all routes. */
import { runFuzz } from './fuzz.ts';
import { reportOf, type SecurityPart } from './part.ts';

export const fuzz: SecurityPart = {
  name: 'fuzz',
  description:
    'spoiled requests to every route, made from the live OpenAPI document; none may break anything or change anything it refuses',
  run: async () => {
    const { seed, byStatus, findings, ...figures } = await runFuzz();
    const statuses = Object.entries(byStatus).map(([status, count]) => `${status}: ${count}`);
    return reportOf('fuzz', { seed, ...figures, statuses }, findings);
  },
};
