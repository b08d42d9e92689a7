import { expect, test } from 'vitest';
import { fault } from '../domain/errors.ts';
import { createLog, REDACTED_KEYS } from './log.ts';

function collect() {
  const lines: string[] = [];
  const log = createLog({ program: 'test', level: 'debug', destination: { write: (line) => void lines.push(line) } });
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? '{}') as Record<string, unknown> };
}

test('an event is one line of JSON with level, time, program and its own fields', () => {
  const { log, lines, last } = collect();
  log.info({ requestId: 'r1', paymentId: 'p1', amountMinor: 12n }, 'payment.accepted');
  expect(lines).toHaveLength(1);
  expect(last()).toMatchObject({
    level: 'info',
    program: 'test',
    event: 'payment.accepted',
    requestId: 'r1',
    paymentId: 'p1',
    amountMinor: '12',
  });
  expect(Date.parse(String(last().at))).not.toBeNaN();
});

test('a field named like one of the log itself does not stand in its place', () => {
  const { log, lines, last } = collect();
  log.child({ program: 'other' }).info({ event: 'mine', level: 'mine', at: 'mine' }, 'seen');
  expect(lines[0]?.match(/"(event|level|at|program)":/g)).toHaveLength(4);
  expect(last()).toMatchObject({ program: 'test', program_: 'other', event: 'seen', event_: 'mine', level: 'info', level_: 'mine' });
});

test('every key of the list is blanked, at any depth, in any spelling, in arrays and in bindings', () => {
  for (const key of REDACTED_KEYS) {
    const { log, lines } = collect();
    const shaped = { [key]: 'Achieng Otieno', [key.toUpperCase()]: 'Achieng Otieno' };
    log.info({ ...shaped, deep: { deeper: [{ ...shaped }] } }, 'seen');
    log.child({ ...shaped }).info('seen by child');
    expect(lines.join(''), key).not.toContain('Achieng');
  }
});

test('objects shaped like intents, requests and operator answers show no name and no number', () => {
  const { log, lines } = collect();
  log.warn(
    {
      intent: {
        referenceId: 'r-1',
        sender: { name: 'Wanjiku Kamau', phone: '+254712345678' },
        receiver_name: 'x',
        receiver: { name: 'Okello' },
      },
      req: { headers: { Authorization: 'Bearer capp_test_abc', 'X-Api-Key': 's' }, body: '{"MSISDN":"254712345678"}' },
      handle: { PartyB: '254712345678' },
      detail: 'call +254712345678 back',
      bytes: Buffer.from('Wanjiku'),
    },
    'shown to +256772123456',
  );
  const text = lines.join('');
  for (const secret of ['Wanjiku', 'Okello', '254712345678', '256772123456', 'capp_test_abc']) expect(text).not.toContain(secret);
  expect(text).toContain('r-1');
});

test('of a foreign error the kind, the code and the place are kept, never the message', () => {
  const { log, last, lines } = collect();
  const error = Object.assign(new Error('duplicate key (phone)=(0712345678) of Wanjiku'), { code: '23505' });
  log.error({ err: error }, 'failed');
  expect(lines.join('')).not.toContain('Wanjiku');
  expect(last().err).toMatchObject({ type: 'Error', code: '23505' });
  log.error({ err: fault('overloaded', { internal: '20000 rows wait', cause: error }) }, 'failed');
  expect(last().err).toMatchObject({ type: 'Fault', code: 'overloaded', internal: '20000 rows wait', cause: { code: '23505' } });
});
