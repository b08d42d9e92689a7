/** The files of intents that CAPP ships with. */
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** As a person in the current folder would write it. */
function pathOf(name: string): string {
  const path = fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));
  return relative(process.cwd(), path) || path;
}

export const EXAMPLE_FILE = pathOf('intents.csv');
/** Paid before a run is measured, by other people. */
export const WARM_UP_FILE = pathOf('warm-up.csv');
