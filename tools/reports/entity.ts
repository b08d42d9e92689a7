/** Who reports: the registration with an authority and the officer who answers for it, by country, from a file of settings. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { fault } from '../../domain/errors.ts';

const text = (max: number) => z.string().min(1).max(max);

const entitySchema = z.strictObject({
  /** The number the authority gave at registration. */
  entityId: text(20),
  branch: text(255).optional(),
  institutionName: text(255),
  institutionCode: text(50),
  person: z.strictObject({ firstName: text(100), lastName: text(100), phone: text(50).optional(), email: z.email().max(255).optional() }),
  address: z.strictObject({ address: text(100), city: text(255), country: z.string().regex(/^[A-Z]{2}$/) }).optional(),
  /** For travel-rule messages. */
  lei: z
    .string()
    .regex(/^[A-Z0-9]{18}[0-9]{2}$/)
    .optional(),
});

export type ReportingEntity = z.infer<typeof entitySchema> & {
  /** Nobody registered it: what it signs is a draft for trying out. */
  readonly sample: boolean;
};

/** Says who reports in a country, or throws `reporting_entity_missing`. */
export type ReportingEntities = (country: string) => ReportingEntity;

const SAMPLE: ReportingEntity = {
  entityId: 'SAMPLE',
  institutionName: 'SAMPLE, NOT FOR FILING',
  institutionCode: 'SAMPLE',
  person: { firstName: 'SAMPLE', lastName: 'NOT FOR FILING' },
  sample: true,
};

/**
 * Reads the file: a JSON object by country (ISO 3166-1 alpha-2), `*` for all others. Without a file, production reports nothing,
 * and elsewhere a sample signs. Throws `config_invalid` naming file and field.
 */
export async function loadReportingEntities(path: string | null, environment: 'development' | 'production'): Promise<ReportingEntities> {
  const missing = (): never => {
    throw fault('reporting_entity_missing');
  };
  if (path === null) return environment === 'production' ? missing : () => SAMPLE;
  const refuse = (what: string, cause?: unknown) =>
    fault('config_invalid', { field: 'CAPP_REPORTING_PATH', detail: `${path} ${what}.`, cause });
  const content = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw refuse('cannot be read', cause);
  });
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch (cause) {
    throw refuse('is not JSON', cause);
  }
  const parsed = z.record(z.string().regex(/^([A-Z]{2}|\*)$/), entitySchema).safeParse(value);
  if (!parsed.success)
    throw refuse(`has a field that is missing or not of its form: ${parsed.error.issues[0]?.path.join('.') ?? '(file)'}`);
  const entities = parsed.data;
  return (country) => {
    const found = entities[country] ?? entities['*'];
    return found === undefined ? missing() : { ...found, sample: false };
  };
}
