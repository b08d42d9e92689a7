/** The API over TLS 1.3: HTTP/2 with streams of events, HTTP/1.1 beside it, certificates of operators, and a certificate of one's own. */
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { type ClientHttp2Session, connect as connectHttp2, constants } from 'node:http2';
import { createServer, request } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls, { type TLSSocket } from 'node:tls';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { attachOrStartDatabase, startDatabase } from '../db/embedded.ts';
import { fetchWithCertificate } from '../sandbox/http.ts';
import { createSandbox } from '../sandbox/sandbox.ts';
import { type ServedApi, serveApi } from './api/serve.ts';
import { connectionFigures, startTestApi, type TestApi } from './api/testing.ts';
import { makeCertificate } from './certificate.ts';
import { loadTls, openPlatformTls, ownCertificatePath, type TlsMaterial } from './tls.ts';

const NOW_MS = Date.now();
const NONE = { certPath: null, keyPath: null, operatorCaPath: null };
const operator = makeCertificate(['operator.example'], NOW_MS);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capp-tls-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('served', () => {
  let api: TestApi;
  let served: ServedApi;
  let material: TlsMaterial;
  const sessions: ClientHttp2Session[] = [];

  beforeEach(async () => {
    api = await startTestApi({
      operatorCertificates: true,
      callbackTerms: () => ({ applicationToken: 'a'.repeat(64), allows: () => true }),
    });
    material = { ...(await loadTls(NONE, folder, NOW_MS)), operatorCa: operator.cert };
    served = await serveApi(api.api, { port: 0, host: '127.0.0.1', tls: material });
  });

  afterEach(async () => {
    for (const session of sessions.splice(0)) session.destroy();
    await served.close();
    await api.stop();
  });

  function session(): ClientHttp2Session {
    const opened = connectHttp2(served.url, { ca: material.cert });
    sessions.push(opened);
    return opened;
  }

  /** One request over HTTP/2; resolves with its status and the first words of its body. */
  function ask(over: ClientHttp2Session, headers: Record<string, string>): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const stream = over.request({ ...headers });
      let status = 0;
      stream.setEncoding('utf8');
      stream.on('response', (answer) => (status = Number(answer[':status'])));
      stream.on('data', (text: string) => resolve({ status, text }));
      stream.on('error', reject);
      stream.end();
    });
  }

  /** One request over HTTP/1.1, with a certificate or without. */
  function askHttp1(path: string, method: string, own: { cert: string; key: string } | null, body = ''): Promise<number> {
    return new Promise((resolve, reject) => {
      const sent = request(`${served.url}${path}`, { method, ca: material.cert, ...own, agent: false }, (answer) => {
        answer.resume();
        answer.once('end', () => resolve(answer.statusCode ?? 0));
      });
      sent.once('error', reject);
      sent.end(body);
    });
  }

  test('HTTP/2 answers, and twelve streams of events on one connection leave the process standing', async () => {
    const over = session();
    const authorization = `Bearer ${api.keys.acme}`;
    const streams = Array.from({ length: 12 }, () =>
      ask(over, { ':path': '/v1/activity/stream', authorization, accept: 'text/event-stream' }),
    );
    for (const { status } of await Promise.all(streams)) expect(status).toBe(200);
    expect(await ask(over, { ':path': '/health/live' })).toMatchObject({ status: 200 });
    expect(await askHttp1('/health/live', 'GET', null)).toBe(200);
  });

  test('a body that drips over HTTP/2 is cut off, and what has no body goes on', async () => {
    // Closing a server ends the streams of its API for good: this one has both for itself.
    await served.close();
    await api.stop();
    api = await startTestApi();
    const limits = { headersMs: 400, requestMs: 400, checkMs: 50 };
    served = await serveApi(api.api, { port: 0, host: '127.0.0.1', tls: material, limits });
    const over = session();
    const authorization = `Bearer ${api.keys.acme}`;
    const events = over.request({ ':path': '/v1/activity/stream', authorization, accept: 'text/event-stream' });
    const heard = { events: false, ended: false };
    events.on('data', () => (heard.events = true));
    events.on('close', () => (heard.ended = true));
    const body = over.request({ ':path': '/v1/payments', ':method': 'POST', authorization, 'content-type': 'application/json' });
    body.on('error', () => undefined);
    const drip = setInterval(() => void (body.destroyed || body.write(' ')), 50);
    const closed = new Promise((resolve) => body.once('close', () => resolve(body.rstCode)));
    expect(await closed).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    clearInterval(drip);
    expect(heard).toEqual({ events: true, ended: false });
    expect(await ask(over, { ':path': '/health/live' })).toMatchObject({ status: 200 });
  });

  test('who open no request, never end its headers or do not speak TLS are let go over HTTP/2 too, whatever else they send', async () => {
    await served.close();
    await api.stop();
    api = await startTestApi();
    served = await serveApi(api.api, { port: 0, host: '127.0.0.1', tls: material, limits: { headersMs: 300, checkMs: 50 } });
    const authorization = `Bearer ${api.keys.acme}`;
    const over = session();
    const events = over.request({ ':path': '/v1/activity/stream', authorization, accept: 'text/event-stream' });
    await new Promise((resolve) => events.once('data', resolve));
    const idle = session();
    const pinging = setInterval(() => void (idle.closed || idle.destroyed || idle.ping(() => undefined)), 50);
    // The preface, no settings, and the beginning of headers that are never ended.
    const begun = [
      Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      Buffer.from('000000040000000000', 'hex'),
      Buffer.from('00000101000000000182', 'hex'),
    ];
    const port = Number(new URL(served.url).port);
    const headless = tls.connect({ port, host: '127.0.0.1', ca: material.cert, ALPNProtocols: ['h2'] }, () => {
      headless.write(Buffer.concat(begun));
    });
    const silent = connect({ port, host: '127.0.0.1' });
    const unencrypted = connect({ port, host: '127.0.0.1' }, () => unencrypted.write('GET / HTTP/1.1\r\n\r\n'));
    for (const socket of [headless, silent, unencrypted]) socket.on('error', () => undefined).resume();
    const ends = [idle, headless, silent, unencrypted].map((each) => new Promise((resolve) => each.once('close', resolve)));
    await Promise.all(ends);
    clearInterval(pinging);
    expect(events.closed).toBe(false);
    expect(await connectionFigures(api)).toEqual({ open: 1, head_late: 3, unclear: 1 });
  });

  test('a browser that has met us over TLS is told to take nothing else for us', async () => {
    const answer = await new Promise<Record<string, unknown>>((resolve) => {
      session().request({ ':path': '/health/live' }).once('response', resolve);
    });
    expect(answer['strict-transport-security']).toBe('max-age=31536000');
  });

  test('nothing older than TLS 1.3, and nothing unencrypted, is spoken', async () => {
    const port = Number(new URL(served.url).port);
    const older = new Promise((resolve, reject) => {
      const socket = tls.connect({ port, host: '127.0.0.1', ca: material.cert, maxVersion: 'TLSv1.2' }, () =>
        resolve(socket.getProtocol()),
      );
      socket.once('error', reject);
    });
    await expect(older).rejects.toThrow(/protocol version|handshake/i);
    await expect(fetch(served.url.replace('https:', 'http:'))).rejects.toThrow();
    await expect(fetch(`${served.url}/health/live`)).rejects.toMatchObject({ cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' } });
  });

  test('a callback counts only over a certificate that the operators’ authority signed', async () => {
    const path = `/v1/callbacks/mpesa-ke/${'a'.repeat(64)}`;
    const stranger = makeCertificate(['operator.example'], NOW_MS);
    const reasons = async () =>
      (await api.pool.query<{ reason: string | null }>('select reason_code as reason from operator_callbacks order by id')).rows.map(
        (row) => row.reason,
      );
    await askHttp1(path, 'POST', null, '{}');
    await askHttp1(path, 'POST', stranger, '{}');
    await askHttp1(path, 'POST', operator, '{}');
    expect(await reasons()).toEqual(['certificate_refused', 'certificate_refused', null]);
  });

  test('closing ends what is open over either protocol', async () => {
    const over = session();
    await ask(over, { ':path': '/health/live' });
    const closed = new Promise((resolve) => over.once('close', () => resolve(true)));
    await served.close();
    expect(await closed).toBe(true);
  });
});

describe('a certificate of one’s own', () => {
  test('is made once, kept for its owner only, and names this machine', async () => {
    const [first, second] = [await loadTls(NONE, folder, NOW_MS), await loadTls(NONE, folder, NOW_MS)];
    expect(second).toEqual(first);
    expect(await readFile(ownCertificatePath(folder), 'utf8')).toBe(first.cert);
    expect(((await stat(join(folder, 'tls', 'own.json'))).mode & 0o077).toString(8)).toBe('0');
    const certificate = new X509Certificate(first.cert);
    expect(certificate.checkHost('localhost')).toBe('localhost');
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificate.checkIP('::1')).toBeDefined();
    expect(certificate.checkHost('example.com')).toBeUndefined();
    expect(certificate.verify(certificate.publicKey)).toBe(true);
  });

  test('is made anew before it ends', async () => {
    const first = await loadTls(NONE, folder, NOW_MS);
    const later = await loadTls(NONE, folder, NOW_MS + 380 * 86_400_000);
    expect(later.cert).not.toBe(first.cert);
    expect(await loadTls(NONE, folder, NOW_MS + 381 * 86_400_000)).toEqual(later);
  });
});

describe('what the platform starts beside the API', () => {
  test('has certificates of its own, and whoever names authorities has all of them believed: Node reads one file', async () => {
    const theirs = join(folder, 'theirs.pem');
    await writeFile(theirs, operator.cert);
    const { database, sandbox, trustPath } = await openPlatformTls(NONE, folder, theirs, NOW_MS);
    const shown = await readFile(sandbox.certPath, 'utf8');
    const api = (await loadTls(NONE, folder, NOW_MS)).cert;
    expect(new Set([api, shown, database.cert]).size).toBe(3);
    expect(await readFile(trustPath, 'utf8')).toBe([api, shown, operator.cert].join(''));
    expect(((await stat(sandbox.keyPath)).mode & 0o077).toString(8)).toBe('0');
    const given = join(folder, 'none.pem');
    await expect(openPlatformTls(NONE, folder, given, NOW_MS)).rejects.toMatchObject({ field: 'NODE_EXTRA_CA_CERTS' });
  });

  test('a database of our own takes nobody in clear, and nobody who takes another for it', async () => {
    const serverTls = (await openPlatformTls(NONE, folder, undefined, NOW_MS)).database;
    const database = await startDatabase({ dataDir: folder, databaseUrl: null, durable: false, serverTls });
    const ask = async (url: URL) => {
      const client = new pg.Client({ connectionString: url.href });
      try {
        await client.connect();
        return (await client.query('select ssl, version from pg_stat_ssl where pid = pg_backend_pid()')).rows;
      } finally {
        await client.end();
      }
    };
    try {
      const url = new URL(database.url);
      expect(url.searchParams.get('sslmode')).toBe('verify-full');
      expect(await ask(url)).toEqual([{ ssl: true, version: 'TLSv1.3' }]);
      // Others who work on the data folder meet it in the same way.
      expect((await attachOrStartDatabase({ dataDir: folder, databaseUrl: null })).url).toBe(database.url);
      const inClear = new URL(url);
      inClear.search = '';
      await expect(ask(inClear)).rejects.toMatchObject({ code: '28000' });
      const another = join(folder, 'another.crt');
      await writeFile(another, makeCertificate(['localhost'], NOW_MS).cert);
      const deceived = new URL(url);
      deceived.searchParams.set('sslrootcert', another);
      await expect(ask(deceived)).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    } finally {
      await database.stop();
    }
    const inClear = await startDatabase({ dataDir: folder, databaseUrl: null, durable: false });
    await inClear.stop();
    expect(new URL(inClear.url).search).toBe('');
  });

  test('the sandbox serves over TLS, and shows its certificate with what it sends', async () => {
    const { sandbox } = await openPlatformTls(NONE, folder, undefined, NOW_MS);
    const own = { cert: await readFile(sandbox.certPath, 'utf8'), key: await readFile(sandbox.keyPath, 'utf8') };
    const shown: (boolean | null)[] = [];
    const serve = { ...own, minVersion: 'TLSv1.3', requestCert: true, rejectUnauthorized: false, ca: own.cert } as const;
    const receiver = createServer(serve, (message, response) => {
      const socket = message.socket as TLSSocket;
      shown.push(socket.getPeerX509Certificate() === undefined ? null : socket.authorized);
      response.end();
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    const world = await createSandbox({ port: 0, tls: own, rails: [] });
    try {
      expect(world.url).toMatch(/^https:/);
      expect((await fetch(`${world.url}/_sandbox/profiles`)).status).toBe(200);
      await expect(fetch(world.url.replace('https:', 'http:'))).rejects.toThrow('fetch failed');
      const url = `https://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
      await fetch(url);
      await fetchWithCertificate(own)(url, { method: 'POST', body: '{}' });
      expect(shown).toEqual([null, true]);
      const stranger = makeCertificate(['127.0.0.1'], NOW_MS);
      receiver.setSecureContext({ ...serve, ...stranger });
      receiver.closeAllConnections();
      await expect(fetchWithCertificate(own)(url, { method: 'POST' })).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    } finally {
      await world.close();
      receiver.close();
      receiver.closeAllConnections();
    }
  });
});

test.each([
  ['that is over', makeCertificate(['localhost'], NOW_MS - 400 * 86_400_000), /ended on/],
  ['of another key', { cert: operator.cert, key: makeCertificate(['localhost'], NOW_MS).key }, /do not belong together/],
  ['that is none', { cert: 'nothing', key: 'nothing' }, /damaged/],
])('a certificate %s is refused at the start', async (_name, { cert, key }, said) => {
  const [certPath, keyPath] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  await writeFile(certPath, cert);
  await writeFile(keyPath, key);
  await expect(loadTls({ certPath, keyPath, operatorCaPath: null }, folder, NOW_MS)).rejects.toThrow(said);
});
