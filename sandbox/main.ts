/**
 * The sandbox as a process. Settings by environment: SANDBOX_PORT, SANDBOX_DATA_DIR, SANDBOX_SPEED,
 * SANDBOX_SEED, SANDBOX_OPENING_BALANCES (JSON, minor units as decimal strings per rail id) and
 * SANDBOX_FAULTS (JSON, shares; a modest set unless given). Prints one line of JSON when it listens;
 * a wrong setting or a taken port is one line on stderr and exit code 1.
 */
import { z } from 'zod';
import { faultsSchema } from './control.ts';
import { MODEST_FAULTS } from './fates.ts';
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
  SANDBOX_DATA_DIR: z.string().min(1).default('.capp/sandbox'),
  SANDBOX_SPEED: z.coerce.number().positive().default(1),
  SANDBOX_SEED: z.string().min(1).default('1'),
  SANDBOX_OPENING_BALANCES: jsonText.pipe(z.record(z.string(), z.string().regex(/^\d{1,18}$/))).optional(),
  SANDBOX_FAULTS: jsonText.pipe(faultsSchema).optional(),
});

/** Reads the settings; throws an error whose message names the wrong one. */
function readSettings(environment: NodeJS.ProcessEnv): SandboxOptions {
  const parsed = environmentSchema.safeParse(environment);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new Error(`The setting ${String(issue?.path[0])} is wrong: ${issue?.message}`);
  }
  const settings = parsed.data;
  const openings = Object.entries(settings.SANDBOX_OPENING_BALANCES ?? {}).map(([railId, minor]) => [railId, BigInt(minor)] as const);
  return {
    port: settings.SANDBOX_PORT,
    dataDir: settings.SANDBOX_DATA_DIR,
    speed: settings.SANDBOX_SPEED,
    seed: settings.SANDBOX_SEED,
    openings: Object.fromEntries(openings),
    faults: (settings.SANDBOX_FAULTS as SandboxOptions['faults']) ?? MODEST_FAULTS,
  };
}

try {
  const sandbox = await createSandbox(readSettings(process.env));
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
