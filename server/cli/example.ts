/** The file of intents that CAPP ships with. */
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const path = fileURLToPath(new URL('../../examples/intents.csv', import.meta.url));

/** As a person in the current folder would write it. */
export const EXAMPLE_FILE = relative(process.cwd(), path) || path;
