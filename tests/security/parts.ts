/** The parts of `npm run security`, in the order in which they run. */
import { access } from './access-part.ts';
import { fuzz } from './fuzz-part.ts';
import { leaks } from './leaks.ts';
import type { SecurityPart } from './part.ts';
import { rotation } from './rotation.ts';
import { supply } from './supply.ts';
import { tampering } from './tampering.ts';

export const PARTS: readonly SecurityPart[] = [supply, access, fuzz, leaks, tampering, rotation];
