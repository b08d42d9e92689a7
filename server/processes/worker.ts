/** A worker process: runs the graph over cohorts, sends effects, reads callbacks, works cases. */
import { Registry } from 'prom-client';
import { createRescreening } from '../../agents/compliance/rescreen.ts';
import { startWorker } from '../../graph/worker.ts';
import { runRetention } from '../../tools/privacy/index.ts';
import { composeAgents, composeGraphDeps, openCheckpointer, openFoundation } from '../compose.ts';
import { systemClock } from '../../domain/clock.ts';
import { readConfig } from '../config.ts';
import { countCaches } from '../cache-figures.ts';
import { createCourtesy, type CrowdMessage } from '../crowd.ts';
import { tellFigures } from '../figures.ts';
import { yieldSessions } from '../priorities.ts';
import { openRiskModel } from '../risk-model.ts';
import { withSecretFiles } from '../secrets.ts';
import { openMessaging } from '../messaging.ts';
import { openSettlementSide } from '../settlement.ts';
import { type Running, runChild } from './child.ts';

async function start(): Promise<Running> {
  const env = withSecretFiles(process.env);
  const config = readConfig(env);
  const foundation = await openFoundation(config, env, 'worker');
  yieldSessions(foundation.pool);
  const checkpointer = openCheckpointer(config, foundation.log);
  const settlement = await openSettlementSide(config, env, foundation.pool, foundation.sanctions);
  const messaging = await openMessaging(config.messagingPath, { pool: foundation.pool, clock: systemClock, fetch });
  const risk = await openRiskModel(config.riskModelPath);
  const courtesy = createCourtesy();
  process.on('message', (message: CrowdMessage) => message.kind === 'crowd' && courtesy.hear());
  const figures = new Registry();
  countCaches(figures);
  tellFigures(figures);
  const worker = startWorker({
    deps: { ...composeGraphDeps(foundation, settlement), texting: messaging?.sms ?? undefined, courtesy: courtesy.wait },
    agents: composeAgents(foundation, risk),
    queue: foundation.queue,
    checkpointer: checkpointer.saver,
    sweepMs: config.sweepMs,
    housekeepingMs: config.housekeepingMs,
    retain: () => runRetention({ pool: foundation.pool, clock: systemClock, keyring: foundation.keys.keyring }),
    rescreen: createRescreening({
      pool: foundation.pool,
      clock: systemClock,
      keyring: foundation.keys.keyring,
      sanctions: foundation.sanctions,
    }),
  });
  foundation.log.info({ cohortMax: config.cohortMax, sanctions: foundation.sanctions.version, riskModel: risk.version }, 'worker started');
  return {
    stop: async () => {
      await worker.stop();
      await foundation.close();
      await checkpointer.close();
      foundation.log.info({}, 'worker stopped');
    },
  };
}

await runChild(start);
