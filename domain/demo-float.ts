/**
 * What a demonstration begins with: the money that every operator of the sandbox holds for us. Our books and
 * the operators' own must begin with the same figures, so both take them from here.
 */
import { type Currency, minorPerMajor } from './currency.ts';
import type { Rail } from './rail.ts';

/** What each float of the demo begins with, in major units: about 400,000 US dollars, round in its own currency. */
const DEMO_FLOAT_MAJOR: Readonly<Record<Currency, bigint>> = {
  CDF: 1_000_000_000n,
  EUR: 350_000n,
  GHS: 5_000_000n,
  KES: 50_000_000n,
  MWK: 700_000_000n,
  MZN: 25_000_000n,
  NGN: 600_000_000n,
  RWF: 600_000_000n,
  TZS: 1_000_000_000n,
  UGX: 1_500_000_000n,
  USD: 400_000n,
  XAF: 250_000_000n,
  XOF: 250_000_000n,
  ZAR: 7_000_000n,
  ZMW: 10_000_000n,
};

/** The opening float of a rail in the demo, minor units. */
export function demoFloatMinor(rail: Rail): bigint {
  return DEMO_FLOAT_MAJOR[rail.currency] * minorPerMajor(rail.currency);
}
