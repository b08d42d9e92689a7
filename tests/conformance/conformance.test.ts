import { describe, expect, it } from 'vitest';
import { ADAPTERS, adaptersNamed } from './adapters.ts';
import { BEHAVIOURS, tableOf } from './suite.ts';

describe.each(ADAPTERS.map((adapter) => [adapter.railId, adapter] as const))('%s', (_railId, adapter) => {
  it.each(BEHAVIOURS.map((behaviour) => [behaviour.name, behaviour] as const))('%s', async (_name, behaviour) => {
    await behaviour.run(adapter);
  });
});

describe('the table', () => {
  it('counts what holds and names what does not', () => {
    const verdict = { behaviour: 'pays', operator: 'x', railId: 'x-1', failure: null };
    const text = tableOf([verdict, { ...verdict, railId: 'y-1', failure: 'was paid twice' }]);
    expect(text).toContain('1 behaviours, 2 adapters: 1 hold, 1 fail');
    expect(text).toContain('FAIL y-1: pays: was paid twice');
  });

  it('finds adapters by operator, by its first word and by rail', () => {
    expect(adaptersNamed('orange-money')).toHaveLength(3);
    expect(adaptersNamed('airtel')).toHaveLength(3);
    expect(adaptersNamed('hub-ke')).toHaveLength(1);
    expect(adaptersNamed('nobody')).toEqual([]);
  });
});
