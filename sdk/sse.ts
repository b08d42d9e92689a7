/** Reads `text/event-stream` as the HTML Living Standard (section 9.2.6) has it parsed. */

export interface ServerEvent {
  /** The last id the stream has named, this event's or an earlier one's; '' when none was. */
  readonly id: string;
  /** `message` unless the stream says otherwise. */
  readonly type: string;
  readonly data: string;
}

/** One line of the stream that asks for another pause before the next connection. */
export interface RetryHint {
  readonly retryMs: number;
}

/** Yields the events of a stream as they come, and what it says about reconnecting. */
export async function* readServerEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent | RetryHint> {
  let id = '';
  let type = '';
  let data: string[] = [];
  for await (const line of readLines(body)) {
    if (line === '') {
      if (data.length > 0) yield { id, type: type === '' ? 'message' : type, data: data.join('\n') };
      type = '';
      data = [];
      continue;
    }
    const [field, value] = splitField(line);
    if (field === 'data') data.push(value);
    else if (field === 'event') type = value;
    else if (field === 'id' && !value.includes('\0')) id = value;
    else if (field === 'retry' && /^\d{1,9}$/.test(value)) yield { retryMs: Number(value) };
  }
}

function splitField(line: string): [string, string] {
  const colon = line.indexOf(':');
  if (colon < 0) return [line, ''];
  const value = line.slice(colon + 1);
  return [line.slice(0, colon), value.startsWith(' ') ? value.slice(1) : value];
}

/** Lines end with LF, CR LF or CR. What follows the last end of line is not a line. */
async function* readLines(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    // A CR at the very end may be half of a CR LF.
    const complete = rest.endsWith('\r') ? rest.length - 1 : rest.length;
    const lines = rest.slice(0, complete).split(/\r\n|\n|\r/);
    rest = (lines.pop() ?? '') + rest.slice(complete);
    yield* lines;
  }
}
