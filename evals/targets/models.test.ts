import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { modelTarget, recordingLine } from './models.ts';

describe('targets', () => {
  const ENDPOINT = { CAPP_EVALS_LLM_URL: 'http://127.0.0.1:9/v1', CAPP_EVALS_LLM_MODEL: 'm', CAPP_EVALS_LLM_KEY: 'k' };
  const request = (content: string, callId = 'call-a') =>
    JSON.stringify({
      model: callId,
      messages: [
        { role: 'system', content },
        { role: 'assistant', content: null, tool_calls: [{ id: callId, type: 'function', function: { name: 'read', arguments: '{}' } }] },
        { role: 'tool', tool_call_id: callId, content: 'seen' },
      ],
    });

  test('are chosen by their word, and any other word is refused', async () => {
    expect((await modelTarget('policy', ENDPOINT)).kind).toBe('policy');
    expect((await modelTarget('scripted', ENDPOINT)).kind).toBe('scripted');
    expect((await modelTarget(null, {})).kind).toBe('scripted');
    expect(await modelTarget(null, ENDPOINT)).toMatchObject({ kind: 'endpoint', name: 'm' });
    for (const word of ['recorded:', 'recorded:/nowhere', 'recorded', 'policies', ''])
      await expect(modelTarget(word, ENDPOINT)).rejects.toMatchObject({ code: 'config_invalid' });
    await expect(modelTarget('endpoint', {})).rejects.toMatchObject({ code: 'config_invalid' });
  });

  test('an endpoint is asked by its protocol, word for word', async () => {
    const asked: unknown[] = [];
    const dial: typeof fetch = async (url, init) => {
      asked.push([String(url), init?.body, new Headers(init?.headers).get('authorization'), init?.redirect]);
      return new Response('{"choices":[]}', { status: 429 });
    };
    const target = await modelTarget('endpoint', ENDPOINT, dial);
    expect('run' in target && (await target.run(request('x')))).toEqual({ status: 429, body: '{"choices":[]}' });
    expect(asked).toEqual([['http://127.0.0.1:9/v1/chat/completions', request('x'), 'Bearer k', 'error']]);
  });

  test('a recording gives its answers in turn, to the very requests it was made of', async () => {
    const path = join(tmpdir(), `capp-recording-${process.pid}.jsonl`);
    const lines = ['first', 'second'].map((body) => recordingLine(request('x'), { status: 200, body }));
    await writeFile(path, `${lines.join('\n')}\n`);
    try {
      const target = await modelTarget(`recorded:${path}`, {});
      if (!('run' in target)) throw new Error('a recording answers');
      // The ids of calls are whatever the answerer called them, and the model is another one.
      const bodies = [request('x', 'call-b'), request('x'), request('x')].map(async (each) => (await target.run(each)).body);
      expect(await Promise.all(bodies)).toEqual(['first', 'second', 'second']);
      await expect(target.run(request('y'))).rejects.toMatchObject({ code: 'not_found' });
      await writeFile(path, '{"prompt":"p"}');
      await expect(modelTarget(`recorded:${path}`, {})).rejects.toMatchObject({
        code: 'config_invalid',
        detail: expect.stringContaining('line 1'),
      });
    } finally {
      await rm(path, { force: true });
    }
  });
});
