import { afterAll, beforeAll, expect, it } from 'vitest';
import { seedClients } from '../../db/seed.ts';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { createChainWorld } from './world.ts';
import { registryKeeper } from '../../tools/aptos/registry.ts';
import { publishDue } from '../../tools/registry/publish.ts';
import { createSanctionsList } from '../../tools/sanctions/list.ts';
import { sampleList } from '../../tools/sanctions/sample.ts';
import { seedChecked, wrongRegistry } from '../../simulation/registry-people.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database?.close());

it('the verdict says what the registry lacks, what it holds wrongly, and what it was told twice', async () => {
  const world = await createChainWorld();
  await seedClients(database.pool, Buffer.alloc(32, 1));
  await seedChecked(database.pool, world.scheduler.now());
  const issuer = world.account(world.keys.issuer);
  const rolls = createSanctionsList([sampleList()], { sample: true }).rolls();
  const told: Record<string, number> = { publish_list: 1, attest: 5 };
  const judge = () =>
    wrongRegistry({ pool: database.pool, node: world.node, rolls, issuer: issuer.address, executions: (fn) => told[fn] ?? 0 });
  // One list, five customers, and their number.
  expect(await judge()).toHaveLength(7);
  const registrars = { regulator: world.account(world.keys.regulator), issuer, reporter: null };
  await publishDue({ pool: database.pool, clock: world.scheduler, keeper: registryKeeper(world.deps, registrars), rolls: () => rolls });
  expect(await judge()).toEqual([]);
  told['attest'] = 6;
  expect(await judge()).toEqual(["the registry's attest was executed 6 times, not 5"]);
  told['attest'] = 5;
  const { rows } = await database.pool.query<{ subject: string }>('select subject from registry_subjects order by user_id limit 1');
  await world.call(world.keys.issuer, 'compliance_registry::revoke', [rows[0]?.subject ?? '', issuer.address, 2n]);
  expect(await judge()).toEqual(['the registry does not attest customer 0 for tier 1']);
});
