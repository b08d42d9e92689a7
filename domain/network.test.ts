import { describe, expect, it } from 'vitest';
import { exponentOf } from './currency.ts';
import {
  COUNTRIES,
  countryByCode,
  dayOf,
  inForce,
  isCountry,
  ON_US,
  payoutPlaces,
  RAILS,
  railById,
  railsOfWallet,
  WALLETS,
  walletById,
  walletsOfCountry,
} from './network.ts';
import type { Country } from './rail.ts';

const DAY = '2026-11-01';

describe('the data of the network', () => {
  it('covers the eleven countries', () => {
    expect(
      COUNTRIES.map((entry) => entry.country)
        .toSorted()
        .join(' '),
    ).toBe('CI CM GH KE NG RW SN TZ UG ZA ZM');
  });

  it.each([...COUNTRIES, ...WALLETS, ...RAILS].map((entry) => ['id' in entry ? entry.id : entry.country, entry] as const))(
    '%s says from when it counts and where it comes from',
    (_, entry) => {
      expect(entry.validFrom).toMatch(/^\d{4}-\d{2}-\d{2}$/);
      expect(entry.source.length).toBeGreaterThan(20);
      expect(entry.currency).toBe(countryByCode(entry.country, DAY).currency);
    },
  );

  it('has a direct rail and a hub for every wallet, both of its country', () => {
    for (const wallet of WALLETS) {
      const rails = railsOfWallet(wallet.id, DAY);
      expect(rails.map((rail) => rail.id)).toEqual([wallet.id, `hub-${wallet.country.toLowerCase()}`]);
      expect(rails.every((rail) => rail.country === wallet.country && rail.collection && rail.payout)).toBe(true);
    }
  });

  it('speaks the operator’s own protocol where there is one, GSMA elsewhere', () => {
    const idsOf = (protocol: string) =>
      RAILS.filter((rail) => rail.protocol === protocol)
        .map((rail) => rail.id)
        .toSorted();
    expect(idsOf('mpesa')).toEqual(['mpesa-ke']);
    expect(idsOf('mtn_momo')).toEqual(['mtn-ci', 'mtn-cm', 'mtn-gh', 'mtn-rw', 'mtn-ug', 'mtn-zm']);
    expect(idsOf('airtel')).toEqual(['airtel-ke', 'airtel-ng', 'airtel-rw', 'airtel-tz', 'airtel-ug', 'airtel-zm']);
    expect(idsOf('orange')).toEqual(['orange-ci', 'orange-cm', 'orange-sn']);
    expect(idsOf('gsma')).toHaveLength(RAILS.length - 16);
    expect(RAILS.filter((rail) => rail.id.startsWith('hub-'))).toHaveLength(COUNTRIES.length);
  });

  it('a hub reaches all wallets of its country, costs more, is slower, and never takes what the wallet does not', () => {
    for (const wallet of WALLETS) {
      const [direct, hub] = railsOfWallet(wallet.id, DAY);
      if (!direct || !hub) throw new Error('two rails expected');
      expect(hub.costBps).toBeGreaterThan(direct.costBps);
      expect(hub.typicalLatencyMs).toBeGreaterThan(direct.typicalLatencyMs);
      expect(hub.places).toBeLessThanOrEqual(direct.places);
      for (const leg of ['collection', 'payout'] as const) {
        const [own, hubs] = [direct[leg], hub[leg]];
        expect(own && hubs && hubs.minMinor >= own.minMinor && hubs.maxMinor <= own.maxMinor, `${wallet.id} ${leg}`).toBe(true);
      }
    }
  });

  it('rails name wallets that exist, hold sane limits, and take no more places than the currency has', () => {
    for (const rail of RAILS) {
      for (const id of rail.wallets) expect(walletById(id, DAY).country).toBe(rail.country);
      expect(rail.places).toBeLessThanOrEqual(exponentOf(rail.currency));
      for (const limits of [rail.collection, rail.payout]) {
        expect(limits && limits.minMinor > 0n && limits.minMinor < limits.maxMinor).toBe(true);
      }
    }
  });

  it('no prefix belongs to two wallets of a country', () => {
    for (const { country } of COUNTRIES) {
      const prefixes = walletsOfCountry(country, DAY).flatMap((wallet) => wallet.nationalPrefixes);
      expect(new Set(prefixes).size).toBe(prefixes.length);
    }
  });

  it('keeps the facts others rely on', () => {
    expect(railById('mpesa-ke', DAY)).toMatchObject({ places: 0, payout: { minMinor: 1_000n, maxMinor: 25_000_000n } });
    expect(railById('mtn-ug', DAY)).toMatchObject({ collection: { minMinor: 500n, maxMinor: 5_000_000n } });
    expect(railById('orange-sn', DAY).payout).toEqual({ minMinor: 1n, maxMinor: 200_000n });
    expect(railById('mtn-zm', DAY).payout?.maxMinor).toBe(2_000_000n);
  });
});

describe('looking up', () => {
  it('knows its ids and no others', () => {
    expect(walletById('orange-ci', DAY).currency).toBe('XOF');
    expect(() => walletById('wave-sn', DAY)).toThrow('wallet_unknown');
    expect(() => walletById('__proto__', DAY)).toThrow('wallet_unknown');
    expect(() => railById(ON_US, DAY)).toThrow('not_found');
    expect(() => railsOfWallet('hub-ke', DAY)).toThrow('wallet_unknown');
    expect(() => countryByCode('FR', DAY)).toThrow('corridor_unavailable');
    expect(isCountry('KE')).toBe(true);
    expect(isCountry('ke')).toBe(false);
  });

  it('knows nothing before the first entry counts', () => {
    expect(() => walletById('mpesa-ke', '2020-01-01')).toThrow('wallet_unknown');
    expect(() => railById('mpesa-ke', '2020-01-01')).toThrow('not_found');
    expect(walletsOfCountry('KE', '2020-01-01')).toEqual([]);
  });

  it('takes today when no day is named', () => {
    expect(railsOfWallet('mtn-gh')).toEqual(railsOfWallet('mtn-gh', dayOf(Date.now())));
  });

  it.each([
    ['mpesa-ke', 0],
    ['airtel-tz', 0],
    ['mtn-ug', 0],
    ['orange-cm', 0],
    ['mtn-gh', 2],
    ['airtel-zm', 2],
    ['mtn-za', 2],
  ] as const)('pays out to %s with %d decimal places', (walletId, places) => {
    expect(payoutPlaces(walletId, DAY)).toBe(places);
  });
});

describe('inForce', () => {
  const versions = [
    { validFrom: '2026-01-01', fee: 2 },
    { validFrom: '2025-01-01', fee: 1 },
    { validFrom: '2027-01-01', fee: 3 },
  ];

  it.each([
    ['2024-12-31', undefined],
    ['2025-01-01', 1],
    ['2025-12-31', 1],
    ['2026-01-01', 2],
    ['2030-06-01', 3],
  ] as const)('on %s', (day, fee) => {
    expect(inForce(versions, day)?.fee).toBe(fee);
  });
});

it('dayOf gives the calendar day in UTC', () => {
  expect(dayOf(Date.UTC(2026, 2, 31, 23, 59, 59, 999))).toBe('2026-03-31');
  expect(dayOf(Date.UTC(2026, 3, 1))).toBe('2026-04-01');
});

it('every wallet country is one of the type', () => {
  const countries: readonly Country[] = WALLETS.map((wallet) => wallet.country);
  expect(countries.every(isCountry)).toBe(true);
});
