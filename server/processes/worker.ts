/** A worker process: runs the graph over cohorts, sends effects, reads callbacks, works cases. */
import { startWorker } from '../../graph/worker.ts';
import { composeAgents, composeGraphDeps, openCheckpointer, openFoundation } from '../compose.ts';
import { readConfig } from '../config.ts';
import { yieldSessions } from '../priorities.ts';
import { type Running, runChild } from './child.ts';

async function start(): Promise<Running> {
  const config = readConfig(process.env);
  const foundation = await openFoundation(config, process.env, 'worker');
  yieldSessions(foundation.pool);
  const checkpointer = openCheckpointer(config, foundation.log);
  const worker = startWorker({
    deps: composeGraphDeps(foundation),
    agents: composeAgents(foundation),
    queue: foundation.queue,
    checkpointer: checkpointer.saver,
    sweepMs: config.sweepMs,
    housekeepingMs: config.housekeepingMs,
  });
  foundation.log.info({ cohortMax: config.cohortMax, sanctions: foundation.sanctions.version }, 'worker started');
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
