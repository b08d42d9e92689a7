/** Personal data: keys that change, people who are erased, what is kept only as long as it must be, and what somebody is told of themselves. */
export { type EraseDeps, type Erasure, erasePerson, obstaclesTo, sentenceOf } from './erase.ts';
export { admitIndexKeys, assertIndexKeys, type IndexKeyStates, indexKeyStates } from './index-keys.ts';
export { ageLogs, keepLogs } from './logs.ts';
export { RETENTION, recordYears } from './policy.ts';
export { type RetentionDeps, runRetention } from './retention.ts';
export { dropOldKeys, rotateKeys, type RotateResult } from './rotate.ts';
export { countPlaces, type SealedCount } from './sealed.ts';
export { sealText, textOpener } from './texts.ts';
export { exportSubject, findSubjects, type SubjectFile } from './subject.ts';
