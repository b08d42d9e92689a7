import { describe, expect, it } from 'vitest';
import { ADAPTERS, adaptersNamed } from './adapters.ts';
import { hold } from './checks.ts';
import { BEHAVIOURS, tableOf } from './suite.ts';

/** Where behaviours have nothing to show. */
const idle = new Map<string, string[]>();

describe.each(ADAPTERS.map((adapter) => [adapter.railId, adapter] as const))('%s', (_railId, adapter) => {
  it.each(BEHAVIOURS.map((behaviour) => [behaviour.name, behaviour] as const))('%s', async (_name, behaviour) => {
    if ((await hold(behaviour, adapter)) !== null) idle.set(behaviour.name, [...(idle.get(behaviour.name) ?? []), adapter.railId]);
  });
});

describe('the table', () => {
  it('counts what holds and names what does not', () => {
    const verdict = { behaviour: 'pays', operator: 'x', railId: 'x-1', failure: null, notApplicable: null };
    const text = tableOf([
      verdict,
      { ...verdict, railId: 'y-1', failure: 'was paid twice' },
      { ...verdict, railId: 'z-1', notApplicable: 'it has no money' },
    ]);
    expect(text).toContain('1 behaviours, 3 adapters: 1 hold, 1 fail, 1 do not apply.');
    expect(text).toContain('n/a z-1: pays: it has no money');
    expect(text).toContain('FAIL y-1: pays: was paid twice');
  });

  it('has nothing to show for in few places, and those are known', () => {
    expect(Object.fromEntries([...idle].map(([behaviour, rails]) => [behaviour, rails.toSorted()]))).toEqual({
      'a callback without its proof is refused, where there is one': [
        'airtel-ng',
        'hub-ke',
        'mpesa-ke',
        'mtn-rw',
        'mtn-ug',
        'orange-cm',
        'orange-sn',
      ],
      'a message about a refund that comes before its answer is not lost': ['airtel-ng', 'airtel-ug', 'airtel-zm'],
      'a refund that is made twice is one, where the operator takes collections back': ['hub-ke', 'orange-ci', 'orange-cm', 'orange-sn'],
      'an amount finer than the rail is refused before anything is sent': [
        'airtel-ng',
        'airtel-ug',
        'airtel-zm',
        'mtn-rw',
        'mtn-ug',
        'orange-ci',
        'orange-cm',
        'orange-sn',
      ],
    });
  });

  it('finds adapters by operator, by its first word and by rail', () => {
    expect(adaptersNamed('orange-money')).toHaveLength(3);
    expect(adaptersNamed('airtel')).toHaveLength(3);
    expect(adaptersNamed('hub-ke')).toHaveLength(1);
    expect(adaptersNamed('nobody')).toEqual([]);
  });
});
