/** Which payments of a period a country wants reported for their amount. Pure. */
import type { Currency } from '../../domain/currency.ts';
import type { Money } from '../../domain/money.ts';
import { dayOf } from '../../domain/network.ts';
import { type PerUsd, type Reporting, type ReportThreshold, thresholdIn } from './reporting.ts';
import { amountIn, type ReportPayment } from './subject.ts';

export interface ThresholdFinding {
  readonly threshold: ReportThreshold;
  /** The threshold in the country's currency on that day. */
  readonly limit: Money;
  /** The payments that reach it: one, or those of one person on one day. */
  readonly payments: readonly ReportPayment[];
}

/** Everything that reaches a threshold of the country; a payment that reaches two is found twice. Throws `rate_unavailable`. */
export function overThresholds(
  payments: readonly ReportPayment[],
  reporting: Reporting,
  perUsdOn: (day: string) => PerUsd,
): ThresholdFinding[] {
  const local = reporting.currency as Currency;
  return reporting.thresholds.flatMap((threshold) => {
    const counted = payments.filter((payment) => amountIn(payment, reporting.country) !== null && counts(threshold, payment));
    const groups =
      threshold.per === 'day'
        ? [...Map.groupBy(counted, (payment) => `${dayOf(payment.createdAtMs)} ${ownerIn(payment, reporting.country)}`).values()]
        : counted.map((payment) => [payment]);
    return groups.flatMap((group): ThresholdFinding[] => {
      const limit = thresholdIn(threshold, local, perUsdOn(dayOf(group[0]?.createdAtMs ?? 0)));
      const sum = group.reduce((total, payment) => total + (amountIn(payment, reporting.country)?.minor ?? 0n), 0n);
      return (threshold.strictly ? sum > limit.minor : sum >= limit.minor) ? [{ threshold, limit, payments: group }] : [];
    });
  });
}

/** A wallet transfer may be cash at an agent on either end, so a threshold for cash counts it too. */
function counts(threshold: ReportThreshold, payment: ReportPayment): boolean {
  return threshold.counts !== 'transfers_abroad' || payment.sender.country !== payment.receiver.country;
}

function ownerIn(payment: ReportPayment, country: string): string {
  return payment.sender.country === country ? payment.sender.userId : payment.receiver.userId;
}
