export * from './ledger.ts';
export * from './oversight.ts';
export * from './parties.ts';
export * from './payments.ts';
