import { describe, expect, it } from 'vitest';
import { ERRORS, type ErrorCode, Fault, fault, isFault } from './errors.ts';

const CODES = Object.keys(ERRORS) as ErrorCode[];

describe('the error catalogue', () => {
  it.each(CODES)('%s is well formed', (code) => {
    const { status, title, retry } = ERRORS[code];
    expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThanOrEqual(599);
    expect(title).toMatch(/^[A-Z].*\.$/);
    expect(['never', 'later', 'after_change']).toContain(retry);
  });

  it('what was malformed is never to be sent again unchanged', () => {
    for (const code of CODES) if (ERRORS[code].status === 400) expect(ERRORS[code].retry).toBe('after_change');
  });

  it('what is unavailable may be asked for later', () => {
    for (const code of CODES) if ([429, 503].includes(ERRORS[code].status)) expect(ERRORS[code].retry).toBe('later');
  });
});

describe('fault', () => {
  it('says the title of its code unless told otherwise', () => {
    expect(fault('quote_expired').detail).toBe(ERRORS.quote_expired.title);
    expect(fault('quote_expired', { detail: 'It expired.' }).message).toBe('quote_expired: It expired.');
  });

  it('keeps field, cause and what is for our logs, the last out of the message', () => {
    const cause = new Error('below');
    const error = fault('internal', { internal: 'pool 3', field: 'amount', cause });
    expect(error).toMatchObject({ code: 'internal', internal: 'pool 3', field: 'amount', cause });
    expect(error.message).not.toContain('pool 3');
    expect('cause' in fault('internal')).toBe(false);
  });

  it('is told from other errors, by code if asked', () => {
    expect(isFault(fault('not_found'))).toBe(true);
    expect(isFault(fault('not_found'), 'not_found')).toBe(true);
    expect(isFault(fault('not_found'), 'forbidden')).toBe(false);
    expect(isFault(new Error('not_found'))).toBe(false);
    expect(isFault({ code: 'not_found' })).toBe(false);
    expect(fault('not_found')).toBeInstanceOf(Fault);
  });
});
