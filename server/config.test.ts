import { describe, expect, it } from 'vitest';
import { readConfig } from './config.ts';

describe('limits of doubt by rail', () => {
  it('are read from one setting', () => {
    expect(readConfig({ CAPP_DOUBT_LIMITS_MS: 'mtn-ug=600000,hub-ke=900000' }).doubtLimitsMs).toEqual({
      'mtn-ug': 600_000,
      'hub-ke': 900_000,
    });
    expect(readConfig({}).doubtLimitsMs).toEqual({});
  });

  it.each(['mtn-ug', 'mtn-ug=', 'mtn-ug=soon', 'mtn-ug=600000,', ',mtn-ug=600000', 'mtn-ug=600000;hub-ke=900000', 'mtn-xx=600000'])(
    '%s is refused',
    (text) => {
      expect(() => readConfig({ CAPP_DOUBT_LIMITS_MS: text })).toThrow(
        expect.objectContaining({ code: 'config_invalid', field: 'CAPP_DOUBT_LIMITS_MS' }),
      );
    },
  );
});

it('webhooks stay out of private networks unless told', () => {
  expect(readConfig({}).webhookAllowPrivate).toBe(false);
  expect(readConfig({ CAPP_WEBHOOK_ALLOW_PRIVATE: '1' }).webhookAllowPrivate).toBe(true);
  expect(() => readConfig({ CAPP_WEBHOOK_ALLOW_PRIVATE: 'yes' })).toThrow('CAPP_WEBHOOK_ALLOW_PRIVATE');
});
