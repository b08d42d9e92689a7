/**
 * A whole run of the demonstration over a platform of its own, and then a search for every name and number of its input: in every
 * table, in the files of the database as a backup would hold them, in the logs, in the metrics. Then the same once more with the queue and
 * what processes share in Redis, and a search of all that was ever written there.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { connect } from '../../db/connect.ts';
import { nationalNumber, parsePhone } from '../../domain/phone.ts';
import type { Country } from '../../domain/rail.ts';
import { EXAMPLE_FILE } from '../../server/cli/example.ts';
import { runDemo } from '../../server/demo/run.ts';
import { startPlatform } from '../../server/supervisor.ts';
import { createNeedles, type Needles } from './needles.ts';
import { reportOf, type SecurityPart } from './part.ts';
import { startRedisJournal } from './redis-journal.ts';
import { leaksOf, type Place, searchFiles, searchTables, searchText } from './places.ts';

/** Shorter ones are no full names, and no numbers. */
const CHARACTERS_MIN = 8;

/** Every name and number of a file of intents, in each way a number may be written, and what else it says by which a person could be known. */
export async function valuesOf(file: string): Promise<string[]> {
  const records = parse(await readFile(file, 'utf8'), { columns: true, relax_column_count: true }) as Readonly<Record<string, string>>[];
  const values = records.flatMap((record) =>
    ['sender', 'receiver'].flatMap((role) => {
      const [name = '', phone = ''] = [record[`${role}_name`], record[`${role}_phone`]];
      const said = ['date_of_birth', 'address_line', 'document_number'].map((column) => record[`${role}_${column}`] ?? '');
      return [name, phone, ...said, ...numbersOf(phone, record[`${role}_country`] as Country)];
    }),
  );
  return [...new Set(values.map((value) => value.trim()).filter((value) => value.length >= CHARACTERS_MIN))];
}

function numbersOf(phone: string, country: Country): string[] {
  try {
    const { e164 } = parsePhone(phone, country);
    const national = nationalNumber(e164);
    return [e164, e164.slice(1), `0${national}`];
  } catch {
    // Rows that are meant to be refused have numbers that are none.
    return [];
  }
}

export const leaks: SecurityPart = {
  name: 'leaks',
  description: 'the demonstration as a whole, then a search for every name and number of its input wherever they could have got to',
  run: async (tell) => {
    const values = await valuesOf(EXAMPLE_FILE);
    const needles = createNeedles(values);
    const journal = await startRedisJournal();
    try {
      const places = await inFolder((dataDir) => placesAfterDemo(dataDir, needles, tell));
      const withRedis = await inFolder((dataDir) => placesAfterDemo(dataDir, needles, tell, journal.url));
      const redis = await journal.search(needles);
      const all = [...places, ...withRedis.map((place) => ({ ...place, name: `with Redis: ${place.name}` })), redis];
      const bytes = all.reduce((sum, place) => sum + place.bytes, 0);
      const found = leaksOf(all);
      const counts = { values: values.length, forms: needles.forms, places: all.length, bytes, redisBytes: redis.bytes };
      return reportOf('leaks', { ...counts, found: found.length }, found);
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

async function placesAfterDemo(dataDir: string, needles: Needles, tell: (line: string) => void, redisUrl?: string): Promise<Place[]> {
  const own = Object.entries(process.env).filter(([name]) => !/^(CAPP_|SANDBOX_|DATABASE_URL$|REDIS_URL$|PORT$|HOST$)/.test(name));
  const shared = redisUrl === undefined ? {} : { REDIS_URL: redisUrl };
  const env = { ...Object.fromEntries(own), ...shared, CAPP_DATA_DIR: dataDir, CAPP_LOG_LEVEL: 'debug', PORT: String(await freePort()) };
  const platform = await startPlatform({ env, tell });
  const places: Place[] = [];
  try {
    const report = await runDemo(platform, { file: EXAMPLE_FILE, killWorkers: 0, terminal: null, env });
    tell(`${report.payments} payments, ${report.decisions} decisions in ${report.seconds} s`);
    const pool = connect({ url: platform.databaseUrl, applicationName: 'capp security', max: 2, statementTimeoutMs: 0 });
    places.push(
      ...(await searchTables(pool, needles)),
      searchText('metrics', await (await fetch(`${platform.url}/metrics`)).text(), needles),
    );
    // What is in memory alone goes to the files.
    await pool.query('checkpoint');
    await pool.end();
  } finally {
    await platform.stop();
  }
  places.push(await searchFiles('files of the database', join(dataDir, 'postgres'), needles));
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
