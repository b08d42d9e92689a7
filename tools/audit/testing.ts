/** An audit log with rows in every source, for tests. */
import { testDatabase } from '../../db/testing.ts';
import { logOver } from './testing-log.ts';

export type TestLog = Awaited<ReturnType<typeof testLog>>;

/** Makes it, over a database of its own. */
export const testLog = async () => logOver(await testDatabase());
