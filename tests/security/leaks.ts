/**
 * A whole run of the demonstration over a platform of its own, and then a search for every name and number of its input: in every
 * table, in a dump, in the files of the database as a backup would hold them, in the logs, in the metrics, and in all that a model was
 * told which stands in for a real one. Then the same once more with the queue and what processes share in Redis, and a search of all
 * that was ever written there.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { connect } from '../../db/connect.ts';
import type { Country } from '../../domain/rail.ts';
import { EXAMPLE_FILE } from '../../server/cli/example.ts';
import { runDemo } from '../../server/demo/run.ts';
import { startPlatform } from '../../server/supervisor.ts';
import { searchDump } from './dump.ts';
import { createNeedles, type Needles, type Sought, soughtOf } from './needles.ts';
import { reportOf, type SecurityPart } from './part.ts';
import { startRedisJournal } from './redis-journal.ts';
import { leaksOf, type Place, searchFiles, searchTables, searchText } from './places.ts';
import { startStandIn } from './stand-in-model.ts';

/**
 * Names by which the demonstration calls people who work there, as some of its customers are called as well: `officer:baraka` speaks of
 * no customer. Whole names with them in are looked for like any other.
 */
const NAMES_OF_STAFF: ReadonlySet<string> = new Set(['baraka', 'tunde', 'zawadi']);

/** Parts of names that are no longer than this may stand in any ciphertext by chance, where all bytes are the same likely. */
const CHANCE_MAX = 6;

/** What a file of intents says of a party by which a person could be known, beside name and number. */
const SAID = ['date_of_birth', 'address_line', 'document_number'] as const;

/** Everybody in a file of intents: what stands for them anywhere, and what does as a word of its own. */
export async function soughtIn(file: string): Promise<Sought> {
  const records = parse(await readFile(file, 'utf8'), { columns: true, relax_column_count: true }) as Readonly<Record<string, string>>[];
  const people = records.flatMap((record) =>
    ['sender', 'receiver'].map((role) => {
      const of = (field: string): string => record[`${role}_${field}`] ?? '';
      return soughtOf({ name: of('name'), phone: of('phone'), country: of('country') as Country, said: SAID.map(of) });
    }),
  );
  const words = people.flatMap((person) => person.words).filter((word) => !NAMES_OF_STAFF.has(word.toLowerCase()));
  return { values: [...new Set(people.flatMap(({ values }) => values))], words: [...new Set(words)] };
}

export const leaks: SecurityPart = {
  name: 'leaks',
  description: 'the demonstration as a whole, then a search for every name and number of its input wherever they could have got to',
  run: async (tell) => {
    const { values, words } = await soughtIn(EXAMPLE_FILE);
    const needles = createNeedles(values, words);
    const search: Search = {
      needles,
      ofBytes: createNeedles(
        values,
        words.filter((word) => word.length > CHANCE_MAX),
      ),
      tell,
    };
    const journal = await startRedisJournal();
    try {
      const places = await inFolder((dataDir) => placesAfterDemo(dataDir, search));
      const withRedis = await inFolder((dataDir) => placesAfterDemo(dataDir, search, journal.url));
      const redis = await journal.search(needles);
      const all = [...places, ...withRedis.map((place) => ({ ...place, name: `with Redis: ${place.name}` })), redis];
      const bytes = all.reduce((sum, place) => sum + place.bytes, 0);
      const found = leaksOf(all);
      const promptBytes = all.reduce((sum, place) => sum + (place.name.endsWith(PROMPTS) ? place.bytes : 0), 0);
      const counts = { values: values.length, words: words.length, forms: needles.forms, places: all.length, bytes, promptBytes };
      return reportOf('leaks', { ...counts, redisBytes: redis.bytes, found: found.length }, found);
    } finally {
      await journal.stop();
    }
  },
};

async function inFolder<T>(work: (dataDir: string) => Promise<T>): Promise<T> {
  const dataDir = await mkdtemp(join(tmpdir(), 'capp-security-'));
  try {
    return await work(dataDir);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

interface Search {
  readonly needles: Needles;
  /** For files that are not text: without what any bytes may hold by chance. */
  readonly ofBytes: Needles;
  readonly tell: (line: string) => void;
}

const PROMPTS = 'what a model was told';

async function placesAfterDemo(dataDir: string, search: Search, redisUrl?: string): Promise<Place[]> {
  const model = await startStandIn();
  try {
    const places = await placesOf(dataDir, search, {
      CAPP_LLM_URL: model.url,
      CAPP_LLM_MODEL: 'stand-in',
      ...(redisUrl === undefined ? {} : { REDIS_URL: redisUrl }),
    });
    if (model.bodies.length === 0) throw new Error('no model was asked anything: the search says nothing');
    return [...places, searchText(PROMPTS, model.bodies.join('\n'), search.needles)];
  } finally {
    await model.close();
  }
}

async function placesOf(dataDir: string, { needles, ofBytes, tell }: Search, settings: Readonly<Record<string, string>>): Promise<Place[]> {
  const own = Object.entries(process.env).filter(([name]) => !/^(CAPP_|SANDBOX_|DATABASE_URL$|REDIS_URL$|PORT$|HOST$)/.test(name));
  const env = { ...Object.fromEntries(own), ...settings, CAPP_DATA_DIR: dataDir, CAPP_LOG_LEVEL: 'debug', PORT: String(await freePort()) };
  const platform = await startPlatform({ env, tell });
  const places: Place[] = [];
  try {
    const report = await runDemo(platform, { file: EXAMPLE_FILE, killWorkers: 0, terminal: null, env });
    tell(`${report.payments} payments, ${report.decisions} decisions in ${report.seconds} s`);
    const pool = connect({ url: platform.databaseUrl, applicationName: 'capp security', max: 2, statementTimeoutMs: 0 });
    places.push(
      ...(await searchTables(pool, needles)),
      await searchDump({ pool, url: platform.databaseUrl }, needles),
      searchText('metrics', await (await fetch(`${platform.url}/metrics`)).text(), needles),
    );
    // What is in memory alone goes to the files.
    await pool.query('checkpoint');
    await pool.end();
  } finally {
    await platform.stop();
  }
  places.push(await searchFiles('files of the database', join(dataDir, 'postgres'), ofBytes));
  // The sandbox plays the operators, who know whom they pay.
  for (const name of (await readdir(join(dataDir, 'logs'))).filter((each) => !each.startsWith('sandbox'))) {
    places.push(await searchFiles(`log ${name}`, join(dataDir, 'logs', name), needles));
  }
  places.push(await searchFiles('log of the database', join(dataDir, 'postgres.log'), needles));
  return places;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
