/**
 * Messaging of a demonstration: the sandbox's gateways, a USSD menu whose users pay through a client of their own, and
 * text messages about that client's payments. The file lies in the data folder and is readable by its owner alone.
 */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { MessagingFile } from '../messaging.ts';

export const MESSAGING_FILE = 'messaging.json';

/** The client that USSD users of a demonstration pay through. */
export const USSD_DEMO_CLIENT = 'ussd';

/** The code that phones of a demonstration dial. */
export const USSD_DEMO_CODE = '*384*2277#';

/** A secret for the addresses that gateways post to. */
export function newGatewayToken(): string {
  return randomBytes(24).toString('base64url');
}

/** Writes the settings with which the platform and the sandbox's gateways know each other. */
export async function writeSandboxMessaging(
  dataDir: string,
  sandbox: { readonly sandboxUrl: string; readonly token: string },
): Promise<void> {
  const { sandboxUrl, token } = sandbox;
  const shared = { token, addresses: [], serviceCodes: [USSD_DEMO_CODE] };
  const file: MessagingFile = {
    gateways: {
      africastalking: {
        ...shared,
        sms: { baseUrl: `${sandboxUrl}/africastalking`, username: 'sandbox', apiKey: 'atsk_sandbox_0123456789abcdef', senderId: 'CAPP' },
      },
      mtn: {
        ...shared,
        sms: {
          baseUrl: `${sandboxUrl}/mtn-messaging`,
          clientId: 'sandbox-client',
          clientSecret: 'sandbox-client-secret',
          serviceCode: '131',
        },
      },
    },
    ussd: { client: USSD_DEMO_CLIENT, sessionMs: 180_000 },
    sms: { clients: [USSD_DEMO_CLIENT], default: 'africastalking', byCountry: { RW: 'mtn', UG: 'mtn' } },
  };
  await writeFile(join(dataDir, MESSAGING_FILE), JSON.stringify(file, null, 2), { mode: 0o600 });
}
