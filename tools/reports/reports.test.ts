import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Currency } from '../../domain/currency.ts';
import { money } from '../../domain/money.ts';
import { parseRate } from '../../domain/rate.ts';
import { loadReportingEntities } from './entity.ts';
import { writeGoaml } from './goaml.ts';
import { actionOf, findingActionOf, reasonOf } from './narrative.ts';
import { type PerUsd, reportingOf, REPORTING_COUNTRIES, suspicionDueMs, thresholdIn } from './reporting.ts';
import { thresholdCsv } from './csv.ts';
import type { ReportPayment } from './subject.ts';
import { nameParts } from './subject.ts';
import { overThresholds } from './thresholds.ts';
import { AT, ENTITY, inputOf, paymentOf } from './testing.ts';
import { faultsOfGoaml } from './validate.ts';

it('what was done is told as it was, by the kind of the case and of the finding', () => {
  const done = (kind: string | null, status: string | null) => actionOf(paymentOf(), { kind, status }).split(' The payment is ')[0];
  expect(done('held', 'open')).toBe('The payment was held for review; the case is open.');
  expect(done('refused', 'resolved')).toBe('The payment was refused at once; the case is resolved.');
  expect(done('late_success', 'open')).toBe('The case is about what an operator says of the payment; it is open.');
  expect(done(null, null)).toBe('The payment was not held.');
  expect(findingActionOf({ status: 'confirmed', topic: 'sanction' })).toContain('Payments of the person are refused.');
  for (const each of [
    { status: 'confirmed', topic: 'pep' },
    { status: 'lifted', topic: 'sanction' },
  ])
    expect(findingActionOf(each)).toContain(`The finding is ${each.status}.`);
});

describe('a goAML report', () => {
  it.each(['STR', 'SAR', 'CTR'] as const)('%s holds against the schema, and says what is missing', async (kind) => {
    const { xml, gaps } = writeGoaml(inputOf({ kind }));
    expect(await faultsOfGoaml(xml)).toEqual([]);
    expect(xml).toContain(`<report_code>${kind}</report_code>`);
    expect(gaps.some((gap) => gap.endsWith('/birthdate'))).toBe(true);
    expect(gaps.some((gap) => gap.startsWith('codes of'))).toBe(false);
    if (kind !== 'CTR') expect(xml).toContain('<indicator>SPOS</indicator>');
  });

  it('has the amounts of the ledger, on the side of the country', async () => {
    const kenya = writeGoaml(inputOf()).xml;
    expect(kenya).toContain('<amount_local>1500.00</amount_local>');
    expect(kenya).toContain('<foreign_amount>45000</foreign_amount>');
    // 1,500 KES for 45,000 UGX: one UGX is 0.0333… KES.
    expect(kenya).toContain('<foreign_exchange_rate>0.03333333</foreign_exchange_rate>');
    const uganda = writeGoaml(inputOf({ country: 'UG', currency: 'UGX' }));
    expect(uganda.xml).toContain('<amount_local>45000</amount_local>');
    expect(uganda.xml).toContain('<foreign_exchange_rate>30.00000000</foreign_exchange_rate>');
    expect(uganda.xml).toContain('<transmode_code>IMMT</transmode_code>');
    expect(uganda.gaps).toContain('codes of UG: those of Kenya are used');
    expect(await faultsOfGoaml(uganda.xml)).toEqual([]);
  });

  it('tells who, what, when, where and why, and has the words of the officer', () => {
    const { reason, action } = inputOf();
    for (const part of ['Achieng Odhiambo', '+256772345678', '1500.00 KES', '2026-11-20T09:00:00.000Z', 'Three payments', 'Seen twice']) {
      expect(reason).toContain(part);
    }
    expect(action).toMatch(/held for review; the case is open/);
  });

  it('holds whatever a name is', async () => {
    const hostile = [
      '',
      'Madonna',
      '</first_name><evil/>',
      '&amp; <![CDATA[x]]>',
      'a\u0000b c',
      `${'x'.repeat(9_000)} y`,
      '\u202eabc def',
      'José 🙂 \ud800 Silva',
    ];
    const faults = await Promise.all(
      hostile.map(async (name) => {
        const payment = paymentOf({ sender: { ...paymentOf().sender, name } });
        const input = inputOf({ payments: [payment], reason: reasonOf(payment, [], name) });
        return [name.slice(0, 20), await faultsOfGoaml(writeGoaml(input).xml)] as const;
      }),
    );
    expect(faults.filter(([, found]) => found.length > 0)).toEqual([]);
  });

  it('that does not hold is said to, by element and without content', async () => {
    const { xml } = writeGoaml(inputOf());
    expect(await faultsOfGoaml(xml.replace('<report_code>STR</report_code>', '<report_code>Achieng</report_code>'))).toEqual([
      'report_code',
    ]);
    expect(await faultsOfGoaml(xml.replace(/<transmode_code>.*?<\/transmode_code>/, ''))).toEqual(['amount_local']);
    expect(await faultsOfGoaml(xml.replace('<rentity_id>4711</rentity_id>', `<rentity_id>${'4'.repeat(21)}</rentity_id>`))).toEqual([
      'rentity_id',
    ]);
    expect((await faultsOfGoaml('<report>')).length).toBeGreaterThan(0);
  });

  it('splits names so that nothing is lost', () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[A-Za-zé']{1,20}$/), { minLength: 2, maxLength: 5 }), (words) => {
        const { first, last, complete } = nameParts(words.join(' '));
        expect(complete).toBe(true);
        expect(`${first} ${last}`).toBe(words.join(' '));
      }),
    );
    expect(nameParts('Madonna')).toMatchObject({ last: 'Madonna', complete: false });
  });
});

describe('the clock of a suspicion', () => {
  it.each([
    ['Kenya: two days', 'KE', '2026-11-20T09:00:00Z', '2026-11-22T09:00:00Z'],
    ['Nigeria: 24 hours', 'NG', '2026-11-20T09:00:00Z', '2026-11-21T09:00:00Z'],
    ['Uganda: two working days over a weekend', 'UG', '2026-11-20T09:00:00Z', '2026-11-24T09:00:00Z'],
    ['South Africa: fifteen business days', 'ZA', '2026-11-20T09:00:00Z', '2026-12-11T09:00:00Z'],
    ['Senegal: at once', 'SN', '2026-11-20T09:00:00Z', '2026-11-20T09:00:00Z'],
  ])('%s', (_what, country, suspected, due) => {
    expect(new Date(suspicionDueMs(Date.parse(suspected), reportingOf(country, '2026-11-20').suspicion))).toEqual(new Date(due));
  });

  it('is known for every country with an entry, each with its source', () => {
    for (const country of REPORTING_COUNTRIES) expect(reportingOf(country, '2026-11-20').source.length).toBeGreaterThan(10);
    expect(() => reportingOf('XX', '2026-11-20')).toThrow(/report_country_unknown/);
    expect(() => reportingOf('KE', '2001-01-01')).toThrow(/report_country_unknown/);
  });
});

describe('thresholds', () => {
  const perUsd: PerUsd = (currency) =>
    ({ KES: parseRate('130'), UGX: parseRate('3900'), TZS: parseRate('2600'), NGN: parseRate('1500') })[currency as 'KES'] ?? null;
  const sentBy = (userId: string, minor: bigint, currency: Currency, at = AT, country = 'KE') =>
    paymentOf({
      id: `${userId}-${minor}-${at}`,
      sent: money(minor, currency),
      createdAtMs: at,
      sender: { ...paymentOf().sender, userId, country },
    });

  it('are taken in the country’s currency by the rate of the day', () => {
    const [cash] = reportingOf('KE', '2026-11-20').thresholds;
    expect(thresholdIn(cash as NonNullable<typeof cash>, 'KES', perUsd)).toEqual(money(195_000_000n, 'KES'));
    expect(() => thresholdIn(cash as NonNullable<typeof cash>, 'KES', () => null)).toThrow(/rate_unavailable/);
  });

  it('count a person’s day together where the law does', () => {
    const kenya = reportingOf('KE', '2026-11-20');
    const find = (...payments: ReportPayment[]) => overThresholds(payments, kenya, () => perUsd).map((each) => each.payments.length);
    expect(find(sentBy('a', 194_999_999n, 'KES'))).toEqual([]);
    expect(find(sentBy('a', 195_000_000n, 'KES'))).toEqual([1]);
    expect(find(sentBy('a', 100_000_000n, 'KES'), sentBy('a', 95_000_000n, 'KES'))).toEqual([2]);
    expect(find(sentBy('a', 100_000_000n, 'KES'), sentBy('b', 95_000_000n, 'KES'))).toEqual([]);
    expect(find(sentBy('a', 100_000_000n, 'KES'), sentBy('a', 95_000_000n, 'KES', AT + 86_400_000))).toEqual([]);
  });

  it('count each transfer by itself, and those abroad only where it says so', () => {
    const ghana = reportingOf('GH', '2026-11-20');
    const abroad = { ...paymentOf(), sent: money(1_300_000n, 'GHS'), sender: { ...paymentOf().sender, country: 'GH' } };
    const home = { ...abroad, receiver: { ...abroad.receiver, country: 'GH' } };
    const ghs: PerUsd = () => parseRate('13');
    expect(overThresholds([abroad], ghana, () => ghs).map((each) => each.threshold.id)).toEqual(['transfer_abroad']);
    expect(overThresholds([home], ghana, () => ghs)).toEqual([]);
    // South Africa says "above", not "from".
    const rand = (minor: bigint) => ({ ...abroad, sent: money(minor, 'ZAR'), sender: { ...abroad.sender, country: 'ZA' } });
    const southAfrica = reportingOf('ZA', '2026-11-20');
    expect(overThresholds([rand(1_999_999n)], southAfrica, () => ghs)).toEqual([]);
    expect(overThresholds([rand(2_000_000n)], southAfrica, () => ghs)).toHaveLength(1);
  });

  it('are listed so that a spreadsheet runs nothing', () => {
    const payment = sentBy('a', 195_000_000n, 'KES');
    const formula = { ...payment, sender: { ...payment.sender, name: '=HYPERLINK("http://evil.example","x")' } };
    const csv = thresholdCsv(
      overThresholds([formula], reportingOf('KE', '2026-11-20'), () => perUsd),
      'KE',
    );
    expect(csv.split('\r\n')).toHaveLength(3);
    expect(csv).toContain(`"'=HYPERLINK(""http://evil.example"",""x"")"`);
  });
});

describe('who reports', () => {
  it('is read from a file, by country', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'capp-reporting-'));
    try {
      const path = join(folder, 'reporting.json');
      const { sample: _, ...entity } = ENTITY;
      await writeFile(path, JSON.stringify({ KE: entity }));
      const entities = await loadReportingEntities(path, 'production');
      expect(entities('KE')).toEqual(ENTITY);
      expect(() => entities('UG')).toThrow(/reporting_entity_missing/);
      await writeFile(path, JSON.stringify({ KE: { ...entity, entityId: '' } }));
      await expect(loadReportingEntities(path, 'production')).rejects.toMatchObject({
        code: 'config_invalid',
        detail: expect.stringContaining('KE.entityId'),
      });
      await writeFile(path, '{');
      await expect(loadReportingEntities(path, 'production')).rejects.toMatchObject({ code: 'config_invalid' });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('is a sample that says so outside production, and nobody in it', async () => {
    expect((await loadReportingEntities(null, 'development'))('KE')).toMatchObject({
      sample: true,
      institutionName: 'SAMPLE, NOT FOR FILING',
    });
    await expect((async () => (await loadReportingEntities(null, 'production'))('KE'))()).rejects.toMatchObject({
      code: 'reporting_entity_missing',
    });
  });
});
