/** People with logins of their own, who get in as people do: by a password and a second factor. */
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

/** Makes a login of a client's own. */
export async function personWith(api: SecurityApi, clientId: string, principal: string, roles: readonly Role[]): Promise<LoggedIn> {
  const secret = newTotpSecret();
  const totpSecret = testKeyring.encrypt(secret.toString('base64'), TOTP_CONTEXT);
  const login = { clientId, principal, passwordHash: await passwordHash, roles, totpSecret };
  await createLogin(api.pool, { ...login, actor: 'test' }, api.clock.now());
  const code = (): string => totpCode(secret, stepOf(api.clock.now()));
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
