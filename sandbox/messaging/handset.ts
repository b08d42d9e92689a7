/**
 * A phone on a USSD gateway: dials, types, and reads screens, over the protocol of Africa's Talking or MTN. A gateway that
 * got no answer, or thinks so, sends the same request again; `faults` says how often.
 */
import type { WebFetch } from '../http.ts';
import type { Chance } from '../random.ts';
import type { SandboxGateway } from './messaging.ts';

export interface HandsetOptions {
  readonly gateway: SandboxGateway;
  /** The address turns are posted to. */
  readonly url: string;
  /** With plus. */
  readonly phone: string;
  readonly serviceCode: string;
  readonly send: WebFetch;
  readonly chance: Chance;
  /** Share of requests that are sent twice, from 0 to 1. */
  readonly doubled?: number;
}

export interface Screen {
  readonly status: number;
  readonly text: string;
  readonly ends: boolean;
  /** The answer as it came. */
  readonly raw: string;
}

export interface Handset {
  readonly sessionId: string;
  dial(): Promise<Screen>;
  type(input: string): Promise<Screen>;
  /** The last request once more, word for word. */
  again(): Promise<Screen>;
  /** Tells that the person has hung up. */
  hangUp(): Promise<number>;
}

/** Takes a phone in hand; each has a session of its own. */
export function createHandset(options: HandsetOptions): Handset {
  const { chance, gateway, phone } = options;
  const sessionId = `${gateway === 'mtn' ? '' : 'ATUid_'}${chance.text('0123456789abcdef', 32, 'session', phone)}`;
  const typed: string[] = [];
  let last: () => Promise<Screen> = () => Promise.reject(new Error('nothing was dialled'));
  let requests = 0;

  async function turn(isFirst: boolean, input: string): Promise<Screen> {
    const message =
      gateway === 'mtn' ? mtnTurn(options, sessionId, isFirst ? '0' : '1', input) : talkingTurn(options, sessionId, typed.join('*'));
    last = async () => readScreen(gateway, await options.send(options.url, message));
    requests += 1;
    if (chance.draw('doubled', sessionId, requests) >= (options.doubled ?? 0)) return last();
    // Both are under way at once; the person sees whichever answer comes last.
    const [, second] = await Promise.all([last(), last()]);
    return second;
  }

  return {
    sessionId,
    dial() {
      typed.length = 0;
      return turn(true, options.serviceCode);
    },
    type(input) {
      typed.push(input);
      return turn(false, input);
    },
    again: () => last(),
    async hangUp() {
      const over = gateway === 'mtn' ? mtnTurn(options, sessionId, '4', '') : talkingEnd(options, sessionId, typed.join('*'));
      const url = gateway === 'mtn' ? options.url : options.url.replace(/\/ussd$/, '/ussd-events');
      return (await options.send(url, over)).status;
    },
  };
}

function talkingTurn({ phone, serviceCode }: HandsetOptions, sessionId: string, text: string): RequestInit {
  return form({ phoneNumber: phone, serviceCode, text, sessionId, networkCode: '99999' });
}

function talkingEnd({ phone, serviceCode }: HandsetOptions, sessionId: string, input: string): RequestInit {
  const figures = { date: '2026-01-01 00:00:00', cost: 'KES 0.10', durationInMillis: '12345', hopsCount: '3' };
  return form({ ...figures, sessionId, serviceCode, networkCode: '99999', phoneNumber: phone, status: 'Incomplete', input });
}

function form(fields: Readonly<Record<string, string>>): RequestInit {
  const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=UTF-8', 'user-agent': 'at-ussd-api/1.0' };
  return { method: 'POST', headers, body: new URLSearchParams(fields).toString() };
}

function mtnTurn({ phone, serviceCode }: HandsetOptions, sessionId: string, messageType: string, ussdString: string): RequestInit {
  const fields = { sessionId, messageType, msisdn: phone.slice(1), serviceCode, ussdString, cellId: '', language: 'en', imsi: '' };
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(fields) };
}

async function readScreen(gateway: SandboxGateway, response: Response): Promise<Screen> {
  const raw = await response.text();
  const { status } = response;
  if (status !== 200) return { status, text: '', ends: true, raw };
  if (gateway === 'africastalking') return { status, text: raw.slice(4), ends: raw.startsWith('END '), raw };
  const { data } = JSON.parse(raw) as { data: { inboundResponse: string; userInputRequired: boolean } };
  return { status, text: data.inboundResponse, ends: !data.userInputRequired, raw };
}
