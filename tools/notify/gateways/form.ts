/**
 * Reading what messaging gateways post to us, by schema. Forms are read strictly: a body that is not percent-encoded
 * UTF-8, or names a field twice, is refused. Errors name fields and never values.
 */
import { z } from 'zod';
import { fault } from '../../../domain/errors.ts';

/** A message to us is text of a few fields; nothing a gateway sends comes near this. */
export const MESSAGE_BYTES_MAX = 16 * 1024;

/** The fields of an `application/x-www-form-urlencoded` body. Throws `malformed_body`. */
export function readForm(text: string): Record<string, string> {
  if (/%(?![0-9A-Fa-f]{2})/.test(text)) throw malformed();
  const fields: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of new URLSearchParams(text)) {
    // What was no UTF-8 comes out as the replacement character.
    if (value.includes('\ufffd') || name.includes('\ufffd') || Object.hasOwn(fields, name)) throw malformed();
    fields[name] = value;
  }
  return fields;
}

/** A JSON object. Throws `malformed_body`. */
export function readJsonObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Refused below, as everything that is no object.
  }
  throw malformed();
}

/** Checks fields by a schema; those it does not know are left out. Throws `validation_failed` naming the first that is wrong. */
export function checkFields<T extends z.ZodType>(schema: T, fields: unknown): z.infer<T> {
  const parsed = schema.safeParse(fields);
  if (parsed.success) return parsed.data;
  const field = parsed.error.issues[0]?.path.map(String).join('.') ?? '';
  throw fault('validation_failed', { field, detail: `The field ${field} is missing or not of its form.` });
}

function malformed() {
  return fault('malformed_body', { detail: "The body is not of the gateway's form." });
}

/** A subscriber's number, with or without its plus; comes out as E.164. Gateways' test numbers pass, for they are of the form. */
export const subscriberSchema = z
  .string()
  .regex(/^\+?[1-9]\d{6,14}$/)
  .transform((text) => (text.startsWith('+') ? text : `+${text}`));

/** An id that a gateway gave. */
export const gatewayIdSchema = z.string().regex(/^[\x21-\x7e]{1,128}$/);

/** Text that a person typed. No control characters but line ends. */
export const typedSchema = (lengthMax: number) =>
  z
    .string()
    .max(lengthMax)
    .refine((text) => !/[\u0000-\u0009\u000b\u000c\u000e-\u001f\u007f]/.test(text));
