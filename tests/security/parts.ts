/** The parts of `npm run security`, in the order in which they run. */
import type { SecurityPart } from './part.ts';
import { supply } from './supply.ts';

export const PARTS: readonly SecurityPart[] = [supply];
