/**
 * Settings of messaging with people: one JSON file (`CAPP_MESSAGING_PATH`) with the gateways, who USSD users pay
 * through, and whose payments people are told of by text. Without the file there is neither USSD nor SMS. A wrong setting
 * is named; no value of it is shown.
 */
import { readFile } from 'node:fs/promises';
import type { Pool } from 'pg';
import { z } from 'zod';
import { findClientIds } from '../db/queries/clients.ts';
import type { Clock } from '../domain/clock.ts';
import { fault } from '../domain/errors.ts';
import { COUNTRIES } from '../domain/network.ts';
import type { Country } from '../domain/rail.ts';
import type { Fetch } from '../tools/mmo/http.ts';
import { allowsSource, networkSchema } from '../tools/mmo/terms.ts';
import { GATEWAYS, type GatewayName, type SmsSender } from '../tools/notify/gateways/gateway.ts';
import { africasTalkingSms } from '../tools/notify/sms/africastalking.ts';
import { mtnSms } from '../tools/notify/sms/mtn.ts';

const SEND_TIMEOUT_MS = 20_000;
const SESSION_TTL_MS = 180_000;

const baseUrl = z.url().transform((text) => text.replace(/\/+$/, ''));
const clientName = z.string().min(1).max(64);
const shared = {
  /** The secret part of the addresses the gateway posts to. */
  token: z.string().regex(/^[A-Za-z0-9_-]{20,128}$/, 'must be 20 to 128 of A-Z a-z 0-9 _ -'),
  /** Addresses and networks the gateway posts from; any when there are none. */
  addresses: z.array(networkSchema).default([]),
  /** USSD codes that are ours; any when there are none. */
  serviceCodes: z.array(z.string().min(1).max(64)).default([]),
};

const fileSchema = z.strictObject({
  gateways: z.strictObject({
    africastalking: z
      .strictObject({
        ...shared,
        sms: z
          .strictObject({ baseUrl, username: z.string().min(1), apiKey: z.string().min(1), senderId: z.string().min(1).max(11).optional() })
          .optional(),
      })
      .optional(),
    mtn: z
      .strictObject({
        ...shared,
        sms: z
          .strictObject({
            baseUrl,
            clientId: z.string().min(1),
            clientSecret: z.string().min(1),
            serviceCode: z.string().min(1).max(32),
            senderId: z.string().min(1).max(11).optional(),
          })
          .optional(),
      })
      .optional(),
  }),
  ussd: z.strictObject({ client: clientName, sessionMs: z.int().min(10_000).max(600_000).default(SESSION_TTL_MS) }).optional(),
  sms: z
    .strictObject({
      clients: z.array(clientName).min(1),
      default: z.enum(GATEWAYS),
      byCountry: z.partialRecord(z.enum(COUNTRIES.map(({ country }) => country) as [Country, ...Country[]]), z.enum(GATEWAYS)).default({}),
    })
    .optional(),
});

export type MessagingFile = z.infer<typeof fileSchema>;

/** How requests of a gateway are known. */
export interface GatewayDoor {
  readonly token: string;
  /** Whether the gateway posts from an address. */
  readonly allows: (sourceAddress: string) => boolean;
  readonly serviceCodes: readonly string[];
}

export interface Messaging {
  readonly doors: ReadonlyMap<GatewayName, GatewayDoor>;
  /** Null: no USSD. */
  readonly ussd: { readonly clientId: string; readonly sessionMs: number; readonly textFollows: boolean } | null;
  /** Null: nobody is told by text. */
  readonly sms: { readonly clientIds: readonly string[]; readonly senderFor: (country: Country) => SmsSender } | null;
}

export interface MessagingDeps {
  readonly pool: Pool;
  readonly clock: Clock;
  readonly fetch: Fetch;
}

/** Reads the file; null without a path. Throws `config_invalid`. */
export async function openMessaging(path: string | null, deps: MessagingDeps): Promise<Messaging | null> {
  return path === null ? null : makeMessaging(await readMessagingFile(path), deps);
}

/** The settings in a file. Throws `config_invalid` naming the one that is wrong. */
export async function readMessagingFile(path: string): Promise<MessagingFile> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw invalid(`The settings of messaging cannot be read from ${path}.`, cause);
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid(`${path} is not JSON.`);
  }
  const parsed = fileSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw invalid(`${path} is wrong at ${issue?.path.map(String).join('.') || 'its top'}: ${issue?.message ?? 'not of its form'}.`);
}

/** Makes messaging from its settings; clients must exist. Throws `config_invalid`. */
export async function makeMessaging(file: MessagingFile, deps: MessagingDeps): Promise<Messaging> {
  const names = [...(file.ussd === undefined ? [] : [file.ussd.client]), ...(file.sms?.clients ?? [])];
  const ids = await findClientIds(deps.pool, names);
  const idOf = (name: string): string => {
    const id = ids.get(name);
    if (id === undefined) throw invalid(`The settings of messaging name the client ${name}, which does not exist.`);
    return id;
  };
  const doors = new Map<GatewayName, GatewayDoor>();
  for (const name of GATEWAYS) {
    const gateway = file.gateways[name];
    if (gateway === undefined) continue;
    const { token, addresses, serviceCodes } = gateway;
    doors.set(name, { token, allows: allowsSource(addresses), serviceCodes });
  }
  const clientIds = (file.sms?.clients ?? []).map(idOf);
  const ussdClientId = file.ussd === undefined ? null : idOf(file.ussd.client);
  return {
    doors,
    ussd:
      file.ussd === undefined || ussdClientId === null
        ? null
        : { clientId: ussdClientId, sessionMs: file.ussd.sessionMs, textFollows: clientIds.includes(ussdClientId) },
    sms: file.sms === undefined ? null : { clientIds, senderFor: senderChoice(file, file.sms, deps) },
  };
}

function senderChoice(file: MessagingFile, sms: NonNullable<MessagingFile['sms']>, deps: MessagingDeps): (country: Country) => SmsSender {
  const senders = new Map<GatewayName, SmsSender>();
  const { africastalking, mtn } = file.gateways;
  if (africastalking?.sms !== undefined)
    senders.set('africastalking', africasTalkingSms(deps, { ...africastalking.sms, timeoutMs: SEND_TIMEOUT_MS }));
  if (mtn?.sms !== undefined) senders.set('mtn', mtnSms(deps, { ...mtn.sms, timeoutMs: SEND_TIMEOUT_MS }));
  const senderOf = (name: GatewayName): SmsSender => {
    const sender = senders.get(name);
    if (sender === undefined) throw invalid(`Text messages are to go over ${name}, which has no settings for them.`);
    return sender;
  };
  const byDefault = senderOf(sms.default);
  const byCountry = new Map(Object.entries(sms.byCountry).map(([country, name]) => [country, senderOf(name)]));
  return (country) => byCountry.get(country) ?? byDefault;
}

function invalid(detail: string, cause?: unknown) {
  return fault('config_invalid', { field: 'CAPP_MESSAGING_PATH', detail, ...(cause === undefined ? {} : { cause }) });
}
