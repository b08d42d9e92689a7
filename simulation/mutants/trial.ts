/**
 * One broken variant under the simulator: a process of its own, for what is loaded stays broken.
 * `node simulation/mutants/trial.ts NAME TEMPLATE_URL FIRST_SEED LAST_SEED PAYMENTS RUNS`; prints one line of JSON.
 */
import { MUTANTS } from './catalogue.ts';
import { applyMutant } from './apply.ts';

const [, , name = '', templateUrl = '', first = '1', last = '1', payments = '20', runs = '40'] = process.argv;
const mutant = MUTANTS.find((each) => each.name === name);
if (mutant === undefined) throw new Error(`there is no variant ${name}`);
applyMutant(mutant);
const { explainFailure, runScript } = await import('../campaign.ts');
const { openCopy } = await import('../server.ts');
const { FAULT_GROUPS } = await import('../faults.ts');
const deps = { open: () => openCopy(templateUrl), ...(mutant.sql === undefined ? {} : { sql: mutant.sql }) };
let caught = null;
for (let seed = Number(first); seed <= Number(last) && caught === null; seed += 1) {
  const script = {
    seed: String(seed),
    payments: Number(payments),
    workers: 3,
    groups: FAULT_GROUPS,
    ...(mutant.chain === true ? { chain: true } : {}),
  };
  const result = await runScript(deps, script);
  if (result.violations.length > 0) caught = await explainFailure(deps, script, result, Number(runs));
}
process.stdout.write(`${JSON.stringify(caught)}\n`);
