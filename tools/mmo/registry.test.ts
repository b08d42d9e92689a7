import { describe, expect, it } from 'vitest';
import { systemClock } from '../../domain/clock.ts';
import { RAILS } from '../../domain/network.ts';
import { createOperators } from './registry.ts';

const hub = RAILS.filter(({ id }) => id === 'hub-ke');
const profile = {
  baseUrl: 'https://hub.test/v1.2/',
  auth: { scheme: 'api_key', apiKey: 'secret-key' },
  account: { key: 'organisationid', value: 'capp' },
};
const make = (settings: unknown) => createOperators({ rails: hub, profiles: { 'hub-ke': settings }, fetch, clock: systemClock });

describe('the operator registry', () => {
  it('gives each rail its client', () => {
    expect(make(profile)('hub-ke').railId).toBe('hub-ke');
  });

  it('has no client for a rail it was not made with', () => {
    expect(() => make(profile)('mtn-ug')).toThrow(/operator_unavailable/);
  });

  it.each([
    [undefined, 'operators.hub-ke'],
    [{ ...profile, baseUrl: 'hub' }, 'operators.hub-ke.baseUrl'],
    [{ ...profile, auth: { scheme: 'api_key', apiKey: '' } }, 'operators.hub-ke.auth.apiKey'],
    [{ ...profile, timeoutMs: -1 }, 'operators.hub-ke.timeoutMs'],
    [{ ...profile, timeoutMs: 5_000, absentAfterMs: 9_999 }, 'operators.hub-ke.absentAfterMs'],
    [{ ...profile, timoutMs: 1 }, 'operators.hub-ke.timoutMs'],
  ])('names the setting that is wrong and shows no value', (settings, field) => {
    expect(() => make(settings)).toThrow(expect.objectContaining({ code: 'config_invalid', field }));
    expect(() => make(settings)).not.toThrow(/secret-key/);
  });
});
