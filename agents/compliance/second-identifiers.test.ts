import { describe, expect, test } from 'vitest';
import { decideCompliance } from './decide.ts';
import type { ComplianceFacts, HitFacts } from './facts.ts';
import { COMPLIANCE_POLICY } from './policy.ts';
import { factsWith, hit } from './testing.ts';

const decide = (change: Partial<ComplianceFacts>) => decideCompliance(factsWith(change), COMPLIANCE_POLICY);

describe('what else is known of a party and a listed one', () => {
  const withHit = (change: Partial<HitFacts>) => decide({ hits: [hit(change)] });

  test.each<[string, Partial<HitFacts>, string, string]>([
    ['a whole name and the same day of birth', { agreement: { birth: 'same_day' } }, 'block', 'sanctions_match'],
    ['a whole name and another country', { agreement: { country: 'other' }, score: 0.99 }, 'block', 'sanctions_match'],
    ['a whole name, born years apart', { agreement: { birth: 'years_apart' }, score: 0.94 }, 'flag', 'sanctions_possible_match'],
    ['a whole name, born far apart', { agreement: { birth: 'far_apart' }, score: 0.8 }, 'flag', 'sanctions_possible_match'],
    [
      'a whole name and the same document, born far apart',
      { agreement: { birth: 'far_apart', document: 'same' } },
      'block',
      'sanctions_match',
    ],
    [
      'the same words, born far apart',
      { how: 'normalised', agreement: { birth: 'far_apart' }, score: 0.75 },
      'flag',
      'sanctions_possible_match',
    ],
    ['a similar name, born far apart', { how: 'similar', agreement: { birth: 'far_apart' }, score: 0.75 }, 'clear', 'nothing_found'],
    [
      'a similar name, born on the same day',
      { how: 'similar', agreement: { birth: 'same_day' }, score: 0.88 },
      'flag',
      'sanctions_possible_match',
    ],
    ['a weak alias, born in the same year', { weak: true, agreement: { birth: 'same_year' } }, 'clear', 'nothing_found'],
    ['a weak alias and the same document', { weak: true, agreement: { document: 'same' } }, 'flag', 'sanctions_possible_match'],
    [
      'an office holder by a weak alias, born on the same day',
      { weak: true, topic: 'pep', agreement: { birth: 'same_day' } },
      'clear',
      'nothing_found',
    ],
  ])('%s', (_, change, outcome, code) => {
    const verdict = withHit(change);
    expect([verdict.outcome, verdict.reasons[0]?.code]).toEqual([outcome, code]);
    expect(JSON.parse(JSON.stringify(verdict.data.hits))).toEqual([hit(change)]);
  });

  test('a hold for agreeing ones asks for a senior officer from the start, and says why', () => {
    const agreeing = withHit({ how: 'similar', score: 0.88, agreement: { birth: 'same_day' } });
    expect(agreeing.data.escalates).toBe(true);
    expect(agreeing.reasons[0]?.text).toContain('The day of birth or the document is the same.');
    const differing = withHit({ agreement: { birth: 'far_apart' }, score: 0.8 });
    expect(differing.data.escalates).toBeUndefined();
    expect(differing.reasons[0]?.text).toBe('The receiver bears the name of entry 7 of TEST. The dates of birth lie years apart.');
    expect(withHit({ how: 'similar', agreement: { birth: 'far_apart' }, score: 0.75 }).reasons.map(({ code }) => code)).toContain(
      'sanctions_distant_match',
    );
  });

  test('an office holder of a similar name who was born far apart holds nobody', () => {
    const pep = (change: Partial<HitFacts>) => withHit({ topic: 'pep', ...change }).outcome;
    expect(pep({ how: 'similar', score: 0.9 })).toBe('flag');
    expect(pep({ how: 'similar', score: 0.7, agreement: { birth: 'far_apart' } })).toBe('clear');
    expect(pep({ how: 'exact', score: 0.8, agreement: { birth: 'far_apart' } })).toBe('clear');
    expect(pep({ how: 'exact', score: 0.94, agreement: { birth: 'years_apart' } })).toBe('flag');
  });
});

describe('what officers said of a person and an entry', () => {
  const cleared = (officers: number) => ({ caseId: 'c', officers, until: '2027-05-01' });

  test.each<[string, Partial<HitFacts>, string]>([
    ['one of them spares what would be held', { how: 'similar', score: 0.9, cleared: cleared(1) }, 'clear'],
    ['one of them spares nothing that would be refused', { cleared: cleared(1) }, 'block'],
    ['two of them spare what would be refused', { cleared: cleared(2) }, 'clear'],
    ['of an office holder it spares as well', { topic: 'pep', how: 'similar', score: 0.9, cleared: cleared(2) }, 'clear'],
  ])('%s', (_, change, outcome) => {
    expect(decide({ hits: [hit(change)] }).outcome).toBe(outcome);
  });

  test('it spares nothing that another entry is met for', () => {
    const hits = [hit({ cleared: cleared(2) }), hit({ entryId: '8', how: 'similar', score: 0.9 })];
    expect(decide({ hits }).data.rules).toEqual(['sanctions_possible_match:receiver:TEST/8']);
  });
});
