/** The parts of `npm run security`, in the order in which they run. */
import { access } from './access-part.ts';
import { advisories } from './advisories.ts';
import { fuzz } from './fuzz-part.ts';
import { leaks } from './leaks.ts';
import type { SecurityPart } from './part.ts';
import { rotation } from './rotation.ts';
import { supply } from './supply.ts';
import { tampering } from './tampering.ts';

export const PARTS: readonly SecurityPart[] = [supply, advisories, access, fuzz, leaks, tampering, rotation];
