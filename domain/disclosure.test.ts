import { expect, test } from 'vitest';
import { reasonForClients } from './disclosure.ts';
import { ERRORS, type ErrorCode } from './errors.ts';

test('a client is told of no list, and of everything else as it is', () => {
  expect(reasonForClients('sanctions_match')).toBe('compliance_refused');
  expect(reasonForClients(null)).toBeNull();
  for (const code of Object.keys(ERRORS)) {
    const told = reasonForClients(code);
    expect(Object.hasOwn(ERRORS, told ?? '')).toBe(true);
    if (code !== 'sanctions_match') expect(told).toBe(code);
    // Nothing else about it may give the difference away.
    expect(ERRORS[told as ErrorCode]).toEqual({ ...ERRORS[code as ErrorCode] });
  }
});
