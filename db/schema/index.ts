export * from './audit.ts';
export * from './ledger.ts';
export * from './limits.ts';
export * from './oversight.ts';
export * from './parties.ts';
export * from './payments.ts';
export * from './webhooks.ts';
