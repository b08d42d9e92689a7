/** Working what gateways report of text messages into our records, in whatever order it comes. */
import type { Pool } from 'pg';
import type { Keyring } from '../../../db/keyring.ts';
import { RECORD_CONTEXT, takeUnmatchedReports } from '../../../db/queries/gateway-records.ts';
import { applySmsReport } from '../../../db/queries/sms.ts';
import { optOut, SUBSCRIBER_SCOPE } from '../../../db/queries/subscribers.ts';
import type { Clock } from '../../../domain/clock.ts';
import type { DeliveryReport, GatewayName } from '../gateways/gateway.ts';
import { PROTOCOLS } from '../gateways/protocols.ts';

export interface ReportDeps {
  readonly pool: Pool;
  readonly keyring: Keyring;
  readonly clock: Clock;
}

/** Applies a report. `unknown`: no message of ours goes by that id and number, or not yet. */
export async function applyReport(
  deps: ReportDeps,
  gateway: GatewayName,
  report: DeliveryReport,
): Promise<'applied' | 'repeated' | 'unknown'> {
  const phoneIndex = deps.keyring.blindIndex(report.receiver, SUBSCRIBER_SCOPE);
  const nowMs = deps.clock.now();
  const { state, reasonCode, key } = report;
  const applied = await applySmsReport(deps.pool, { gateway, by: key.by, id: key.id, phoneIndex, state, reasonCode }, nowMs);
  // Only of a number we did write to: else anybody who knows the address could silence anybody.
  if (report.optedOut && applied !== 'unknown') await optOut(deps.pool, phoneIndex, 'gateway', nowMs);
  return applied;
}

/** Applies the reports that came before we knew the gateway's id of their message. */
export async function applyEarlyReports(deps: ReportDeps, gateway: GatewayName, gatewayId: string): Promise<void> {
  for (const body of await takeUnmatchedReports(deps.pool, gateway, gatewayId)) {
    const message = PROTOCOLS[gateway].read('sms-reports', deps.keyring.decrypt(body, RECORD_CONTEXT));
    if (message.kind === 'sms-reports') await applyReport(deps, gateway, message.report);
  }
}
