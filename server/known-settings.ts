/** Names of the settings that other places than `config.ts` read: each is known wherever it stands, so that no start takes it for a slip. */
import { listSources } from '../tools/sanctions/sources.ts';
import { SECRETS } from './secrets.ts';

/** Without secrets, which stand in `SECRETS`, and addresses of lists, which stand with their sources. */
const PLAIN = [
  'CAPP_KMS_KEY',
  'CAPP_KMS_URL',
  'CAPP_KMS_MOUNT',
  'CAPP_FX_OPEN_ER_API_URL',
  'CAPP_FX_CURRENCY_API_URL',
  'CAPP_FX_CURRENCY_API_FALLBACK_URL',
  'CAPP_EVALS_DATA',
  'CAPP_EVALS_LLM_URL',
  'CAPP_EVALS_LLM_MODEL',
  'CAPP_EVALS_LLM_KEY',
  'CAPP_DEBUG',
  'CAPP_URL',
] as const;

/** Every setting of ours that is read elsewhere, and the secrets, wherever they are read. */
export const READ_ELSEWHERE: ReadonlySet<string> = new Set([...SECRETS, ...PLAIN, ...listSources({}).map(({ setting }) => setting)]);
