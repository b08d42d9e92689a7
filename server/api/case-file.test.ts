import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newId } from '../../domain/ids.ts';
import { createSanctionsList } from '../../tools/sanctions/list.ts';
import { bodyOf, intentOf, startTestApi, type TestApi } from './testing.ts';

let api: TestApi;
let key: string;
beforeAll(async () => {
  const listed = {
    list: 'UN-SC',
    entryId: 'QDi.001',
    type: 'person' as const,
    names: ['Okoth Langoo'],
    weakNames: [],
    program: 'QD',
    datesOfBirth: ['1971-03-04'],
    countries: ['Uganda'],
    ids: ['A-123456'],
  };
  api = await startTestApi({ lists: createSanctionsList([{ name: 'UN-SC', version: 'UN-SC#1', file: null, entries: [listed] }]) });
  key = await api.makeKey(api.clients.acme, 'officer:amina', ['cases:read', 'cases:decide']);
});
afterAll(() => api.stop());

let count = 0;

/** A held payment with a hit, and its case. */
async function openCase(intent: Record<string, unknown>) {
  const { id: paymentId } = await bodyOf(await api.call('POST', '/v1/payments', { json: intentOf(`file-${count++}`, intent) }));
  await api.pool.query(`update payments set status = 'held' where id = $1`, [paymentId]);
  const caseId = newId();
  const grounds = ['a word', 'another'];
  const hit = { party: 'receiver', list: 'UN-SC', entryId: 'QDi.001', program: 'QD', how: 'similar', weak: false, score: 0.91, grounds };
  await api.pool.query(
    `insert into cases (id, client_id, payment_id, priority, reasons, evidence, evidence_digest, due_at) values ($1, $2, $3, 50, '[]', $4, $5, now())`,
    [caseId, api.clients.acme, paymentId, JSON.stringify({ facts: { hits: [hit] } }), 'a'.repeat(64)],
  );
  return { caseId, paymentId: paymentId as string };
}

const file = async (caseId: string) => bodyOf(await api.call('GET', `/v1/cases/${caseId}`, { key }));

describe('the file of a case', () => {
  test('has the payment, hits with explanations, the history of both parties, linked cases and what agents decided', async () => {
    const intent = {
      sender: { name: 'Achieng Ouma', phone: '0712 999001', country: 'KE' },
      receiver: { name: 'Okot Lango', phone: '0772 999001', country: 'UG' },
    };
    const first = await openCase(intent);
    await api.pool.query(`update payments set status = 'rejected', completed_at = now() where id = $1`, [first.paymentId]);
    // The receiver of one is the sender of another.
    const reversed = { sender: intent.receiver, receiver: intent.sender, fromCurrency: 'UGX', toCurrency: 'KES', amount: '50000' };
    const second = await openCase(reversed);
    const third = await openCase(intent);
    await api.pool.query(
      `insert into agent_activity (id, client_id, payment_id, cohort_id, agent, policy_version, facts_digest, facts, outcome, reasons, confidence, duration_us)
       values ($1, $2, $3, $1, 'compliance', 'v1', 'd', '{}', 'flag', '[]', 0.9, 5)`,
      [newId(), api.clients.acme, third.paymentId],
    );
    const shown = await file(third.caseId);
    expect(shown.payment).toMatchObject({ id: third.paymentId, status: 'held', sender: { phone: '+254••••••001' } });
    expect(shown.hits).toMatchObject([
      {
        list: 'UN-SC',
        entryId: 'QDi.001',
        explanation: expect.stringContaining('score 0.91. Compared: a word; another'),
        listed: {
          names: ['Okoth Langoo'],
          datesOfBirth: ['1971-03-04'],
          countries: ['Uganda'],
          documents: ['A-123456'],
          listVersion: 'UN-SC#1',
        },
        comparison: expect.stringMatching(/^"Okoth Langoo"; .*okot = okoth: sounds the same/),
      },
    ]);
    expect(shown.history.sender.newest.map((each: { id: string; role: string }) => [each.id, each.role])).toEqual([
      [second.paymentId, 'receiver'],
      [first.paymentId, 'sender'],
    ]);
    expect(shown.history.receiver.last90Days).toMatchObject([
      { role: 'sender', status: 'held', currency: 'UGX', count: 1, amount: '50000' },
      { role: 'receiver', status: 'rejected', currency: 'KES', count: 1, amount: '1250.50' },
    ]);
    const links = new Map(shown.linkedCases.map((each: { id: string; links: unknown[] }) => [each.id, each.links]));
    expect(new Set(links.keys())).toEqual(new Set([first.caseId, second.caseId]));
    expect(links.get(second.caseId)).toEqual(
      expect.arrayContaining([
        { party: 'sender', as: 'receiver' },
        { party: 'receiver', as: 'sender' },
      ]),
    );
    expect(shown.parties).toEqual({
      sender: { name: 'Achieng Ouma', phone: '+254••••••001' },
      receiver: { name: 'Okot Lango', phone: '+256••••••001' },
    });
    expect(shown.agentDecisions).toMatchObject([{ agent: 'compliance', outcome: 'flag' }]);
    expect(shown).toMatchObject({ advice: null, pendingApproval: null, information: [] });
    expect(JSON.stringify(shown)).not.toContain('712999001');
  });

  test('puts what the client said of a party beside what the list says, and compares it', async () => {
    const details = { type: 'person', dateOfBirth: '1971-03-04', nationality: 'UG', document: { type: 'passport', number: 'A 123456' } };
    const receiver = { name: 'Okot Lango', phone: '0772 999002', country: 'UG', ...details };
    const { caseId } = await openCase({ receiver });
    const shown = await file(caseId);
    expect(shown.parties.receiver).toEqual({ name: 'Okot Lango', phone: '+256••••••002', ...details });
    expect(shown.hits[0].comparison).toMatch(/; born on the same day; same country; same document number$/);
    const born = { name: 'Okot Lango', phone: '0772 999003', country: 'UG', dateOfBirth: '1990' };
    const other = await file((await openCase({ receiver: born })).caseId);
    expect(other.hits[0].comparison).toMatch(/; born 10 years apart or more$/);
    expect(api.logLines.join('')).not.toMatch(/1971-03-04|A 123456/);
  });
});
