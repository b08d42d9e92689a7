/** People with logins of their own, who get in as people do: by a password and a second factor. */
import type { Pool } from '../../db/connect.ts';
import type { Keyring } from '../../db/keyring.ts';
import { createLogin } from '../../db/queries/logins.ts';
import { fault } from '../../domain/errors.ts';
import type { Role } from '../../domain/roles.ts';
import { bodyOf, testKeyring } from '../../server/api/testing-app.ts';
import { TOTP_CONTEXT } from '../../server/auth/access.ts';
import { hashPassword } from '../../server/auth/passwords.ts';
import { newTotpSecret, stepOf, totpCode } from '../../server/auth/totp.ts';
import type { SecurityApi } from './security-api.ts';

export const PASSWORD = 'correct horse battery staple';
/** Worked out once: it is meant to take long, and everybody here has the same password. */
const passwordHash = hashPassword(PASSWORD);

export interface LoggedIn {
  readonly clientId: string;
  readonly principal: string;
  /** The code of now. */
  code(): string;
  logIn(password?: string): Promise<Response>;
  /** Logs in and gives the token. */
  token(): Promise<string>;
  /** A token that says that the second factor was shown just now. A code counts once: the clock must have moved since the last one. */
  stepUp(token: string): Promise<string>;
}

/** Stores a login with the password of everybody here. Gives the code that its second factor shows at a moment. */
export async function storeLogin(
  { pool, keyring }: { readonly pool: Pool; readonly keyring: Pick<Keyring, 'encrypt'> },
  who: { readonly clientId: string; readonly principal: string; readonly roles: readonly Role[] },
  nowMs: number,
): Promise<(atMs: number) => string> {
  const secret = newTotpSecret();
  const totpSecret = keyring.encrypt(secret.toString('base64'), TOTP_CONTEXT);
  await createLogin(pool, { ...who, passwordHash: await passwordHash, totpSecret, actor: 'test' }, nowMs);
  return (atMs) => totpCode(secret, stepOf(atMs));
}

/** Makes a login of a client's own. */
export async function personWith(api: SecurityApi, clientId: string, principal: string, roles: readonly Role[]): Promise<LoggedIn> {
  const { pool, clock } = api;
  const codeAt = await storeLogin({ pool, keyring: testKeyring }, { clientId, principal, roles }, clock.now());
  const code = (): string => codeAt(clock.now());
  const logIn = (password = PASSWORD) => api.call('POST', '/v1/session', { key: null, json: { principal, password, code: code() } });
  const tokenOf = async (response: Response): Promise<string> => {
    const body = await bodyOf(response);
    if (response.status !== 200)
      throw fault('internal', { internal: `${principal} did not get in: ${response.status} ${String(body.code)}` });
    return body.access_token as string;
  };
  return {
    clientId,
    principal,
    code,
    logIn,
    token: async () => tokenOf(await logIn()),
    stepUp: async (token) => tokenOf(await api.call('POST', '/v1/session/second-factor', { key: token, json: { code: code() } })),
  };
}
