/**
 * The sandbox as a process. Settings by environment: SANDBOX_PORT, SANDBOX_HOST, SANDBOX_URL (the address
 * clients reach it at), SANDBOX_DATA_DIR, SANDBOX_PROFILES_PATH (a file for the settings with which clients
 * reach it), SANDBOX_APPLICATION_URLS (JSON by rail id: what is entered at operators that know one callback
 * address for all attempts), SANDBOX_SPEED, SANDBOX_SEED, SANDBOX_OPENING_BALANCES (JSON, minor units as decimal strings per
 * rail id; those of the demonstration unless given), SANDBOX_FAULTS (JSON, shares; a modest set unless given),
 * SANDBOX_GATEWAY_URL (where messaging gateways post reports, with {gateway} for the name), SANDBOX_CHAIN_PATH
 * and SANDBOX_CHAIN_KEYS_PATH (files for the settings and keys with which clients reach the chain) and
 * SANDBOX_CHAIN_FAULTS (as SANDBOX_FAULTS). With SANDBOX_TLS_CERT_PATH and SANDBOX_TLS_KEY_PATH (PEM) it serves TLS 1.3, and shows that
 * certificate with what it sends. Prints one line of JSON when it listens; a wrong setting or
 * a taken port is one line on stderr and exit code 1.
 */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { demoFloatMinor } from '../domain/demo-float.ts';
import { RAILS } from '../domain/network.ts';
import { chainFaultsSchema, MODEST_CHAIN_FAULTS } from './aptos/faults.ts';
import { faultsSchema } from './control.ts';
import { MODEST_FAULTS } from './fates.ts';
import { fetchWithCertificate } from './http.ts';
import { MODEST_MESSAGING_FAULTS } from './messaging/messaging.ts';
import { createSandbox, type SandboxOptions } from './sandbox.ts';

const jsonText = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue({ code: 'custom', message: 'is not JSON' });
    return z.NEVER;
  }
});

const environmentSchema = z.object({
  SANDBOX_PORT: z.coerce.number().int().min(0).max(65_535).default(8090),
  SANDBOX_HOST: z.string().min(1).default('127.0.0.1'),
  SANDBOX_URL: z.url().optional(),
  SANDBOX_APPLICATION_URLS: jsonText.pipe(z.record(z.string(), z.url())).optional(),
  SANDBOX_PROFILES_PATH: z.string().min(1).optional(),
  SANDBOX_GATEWAY_URL: z.string().includes('{gateway}').optional(),
  SANDBOX_DATA_DIR: z.string().min(1).default('.capp/sandbox'),
  SANDBOX_SPEED: z.coerce.number().positive().default(1),
  SANDBOX_SEED: z.string().min(1).default('1'),
  SANDBOX_OPENING_BALANCES: jsonText.pipe(z.record(z.string(), z.string().regex(/^\d{1,18}$/))).optional(),
  SANDBOX_FAULTS: jsonText.pipe(faultsSchema).optional(),
  SANDBOX_CHAIN_PATH: z.string().min(1).optional(),
  SANDBOX_CHAIN_KEYS_PATH: z.string().min(1).optional(),
  SANDBOX_CHAIN_FAULTS: jsonText.pipe(chainFaultsSchema).optional(),
  SANDBOX_TLS_CERT_PATH: z.string().min(1).optional(),
  SANDBOX_TLS_KEY_PATH: z.string().min(1).optional(),
});

/** Reads certificate and key. Throws when only one of them is named, or the system cannot read them. */
function readCertificate({ SANDBOX_TLS_CERT_PATH: cert, SANDBOX_TLS_KEY_PATH: key }: z.infer<typeof environmentSchema>) {
  if (cert === undefined && key === undefined) return null;
  if (cert === undefined || key === undefined) throw new Error('SANDBOX_TLS_CERT_PATH and SANDBOX_TLS_KEY_PATH go together');
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
}

interface Settings {
  readonly options: SandboxOptions;
  readonly profilesPath: string | undefined;
  readonly chainPath: string | undefined;
  readonly chainKeysPath: string | undefined;
}

/** Reads the settings; throws an error whose message names the wrong one. */
function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const parsed = environmentSchema.safeParse(environment);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new Error(`The setting ${String(issue?.path[0])} is wrong: ${issue?.message}`);
  }
  const settings = parsed.data;
  const given = Object.entries(settings.SANDBOX_OPENING_BALANCES ?? {}).map(([railId, minor]) => [railId, BigInt(minor)] as const);
  const openings = settings.SANDBOX_OPENING_BALANCES ? given : RAILS.map((rail) => [rail.id, demoFloatMinor(rail)] as const);
  const applicationUrls = settings.SANDBOX_APPLICATION_URLS ?? {};
  const { SANDBOX_GATEWAY_URL: gatewayUrl } = settings;
  const tls = readCertificate(settings);
  const options: SandboxOptions = {
    port: settings.SANDBOX_PORT,
    host: settings.SANDBOX_HOST,
    ...(settings.SANDBOX_URL === undefined ? {} : { publicUrl: settings.SANDBOX_URL.replace(/\/+$/, '') }),
    applicationUrl: (railId: string) => applicationUrls[railId] ?? null,
    dataDir: settings.SANDBOX_DATA_DIR,
    speed: settings.SANDBOX_SPEED,
    seed: settings.SANDBOX_SEED,
    openings: Object.fromEntries(openings),
    ...(tls === null ? {} : { tls, send: fetchWithCertificate(tls) }),
    ...(gatewayUrl === undefined ? {} : { messagingUrl: (gateway: string) => gatewayUrl.replace('{gateway}', gateway) }),
    messagingFaults: MODEST_MESSAGING_FAULTS,
    faults: (settings.SANDBOX_FAULTS as SandboxOptions['faults']) ?? MODEST_FAULTS,
    chain: { faults: settings.SANDBOX_CHAIN_FAULTS ?? MODEST_CHAIN_FAULTS },
  };
  return {
    options,
    profilesPath: settings.SANDBOX_PROFILES_PATH,
    chainPath: settings.SANDBOX_CHAIN_PATH,
    chainKeysPath: settings.SANDBOX_CHAIN_KEYS_PATH,
  };
}

try {
  const { options, profilesPath, chainPath, chainKeysPath } = readSettings(process.env);
  const sandbox = await createSandbox(options);
  if (profilesPath !== undefined) await writeFile(profilesPath, JSON.stringify(sandbox.profiles()), { mode: 0o600 });
  const { keys, ...chain } = sandbox.chainProfile() ?? {};
  if (chainPath !== undefined) await writeFile(chainPath, JSON.stringify(chain), { mode: 0o600 });
  if (chainKeysPath !== undefined) await writeFile(chainKeysPath, JSON.stringify(keys), { mode: 0o600 });
  process.stdout.write(`${JSON.stringify({ event: 'sandbox_listening', url: sandbox.url, pid: process.pid })}\n`);
  process.send?.({ kind: 'ready', detail: { url: sandbox.url } });
  const stop = () => void sandbox.close().then(() => process.exit(0));
  process.once('SIGTERM', stop);
  // Ctrl-C and a closed terminal reach the whole group; a parent with a channel decides when the world ends.
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, process.send === undefined ? stop : () => undefined);
  // When such a parent dies, so does the world.
  process.once('disconnect', stop);
  if (process.send !== undefined && !process.connected) stop();
} catch (error) {
  const detail = `The sandbox cannot start: ${error instanceof Error ? error.message : String(error)}`;
  process.stderr.write(`${detail}\n`);
  process.send?.({ kind: 'failed', code: 'config_invalid', detail });
  process.exitCode = 1;
  process.disconnect?.();
}
