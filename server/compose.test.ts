import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { RAILS } from '../domain/network.ts';
import { inquiryDelayMs } from '../graph/effects/record.ts';
import { railTerms } from '../tools/mmo/registry.ts';
import { composeGraphDeps, type Foundation } from './compose.ts';
import { readConfig } from './config.ts';
import { loadKeys } from './secrets.ts';

it('has operators asked about attempts as often as the settings of each rail say, and all others as the process does', async () => {
  const env = { CAPP_DATA_DIR: mkdtempSync(join(tmpdir(), 'capp-compose-')), CAPP_INQUIRY_DELAY_MS: '3000' };
  const config = readConfig(env);
  const foundation = {
    config,
    keys: await loadKeys(env, config.dataDir),
    terms: railTerms(RAILS, { 'mtn-ug': { inquiryDelaysMs: { first: 20_000, longest: 600_000 } } }),
  } as unknown as Foundation;
  const { settings } = composeGraphDeps(foundation);
  expect([0, 1, 9].map((made) => inquiryDelayMs(settings, 'mtn-ug', made))).toEqual([20_000, 40_000, 600_000]);
  expect(inquiryDelayMs(settings, 'mpesa-ke', 0)).toBe(3_000);
});
