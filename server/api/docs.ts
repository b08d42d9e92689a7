/**
 * The documentation: Swagger UI and the catalogue of errors, served from this very program. The pages load
 * nothing from elsewhere, and the policy they come with forbids them to.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Hono } from 'hono';
import { ERRORS, fault, type Retry } from '../../domain/errors.ts';
import type { ApiEnv } from './http.ts';

/** Files of swagger-ui-dist that the page uses, and as what they are served. */
const ASSETS: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

const DOCS_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>CAPP API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
</head>
<body>
<main id="docs"></main>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;

const START_SCRIPT = `window.ui = SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#docs',
  deepLinking: true,
  docExpansion: 'list',
  persistAuthorization: false,
  validatorUrl: null,
});
`;

const ERRORS_STYLE = `body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 64rem; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 0.4rem 0.8rem 0.4rem 0; border-bottom: 1px solid #ddd; }
tr:target { background: #fff3c4; }
`;

/** What a caller may do about an error, in the words of the page. */
const RETRY_WORDS: Readonly<Record<Retry, string>> = { never: 'no', later: 'yes, later', after_change: 'once it is corrected' };

/** The catalogue as a page: where the `type` of a problem document leads. */
function errorsPage(): string {
  const rows = Object.entries(ERRORS).map(
    ([code, { status, title, retry }]) =>
      `<tr id="${code}"><td><code>${code}</code></td><td>${status}</td><td>${title}</td><td>${RETRY_WORDS[retry]}</td></tr>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>CAPP errors</title>
<link rel="stylesheet" href="/docs/errors.css">
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
</head>
<body>
<h1>Errors</h1>
<p>Every error is <code>application/problem+json</code> and carries one of these codes. Its <code>requestId</code> is in our log.</p>
<table>
<thead><tr><th>code</th><th>status</th><th>what it means</th><th>worth asking again</th></tr></thead>
<tbody>
${rows.join('\n')}
</tbody>
</table>
</body>
</html>
`;
}

/** Puts the pages and their files under `/docs`. */
export function mountDocs(app: Hono<ApiEnv>): void {
  const folder = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
  const files = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();
  const load = (name: string) => {
    const file = files.get(name) ?? readFile(join(folder, name)).then((bytes) => new Uint8Array(bytes));
    files.set(name, file);
    return file;
  };
  // Where a start says that the API is; a browser finds something to read there.
  app.get('/', (c) => c.redirect('/docs'));
  app.get('/docs', (c) => {
    c.header('Content-Security-Policy', DOCS_POLICY);
    return c.html(PAGE);
  });
  app.get('/docs/errors', (c) => {
    c.header('Content-Security-Policy', DOCS_POLICY);
    return c.html(errorsPage());
  });
  app.get('/docs/errors.css', (c) => c.body(ERRORS_STYLE, 200, { 'Content-Type': 'text/css; charset=utf-8' }));
  app.get('/docs/start.js', (c) => c.body(START_SCRIPT, 200, { 'Content-Type': 'text/javascript; charset=utf-8' }));
  app.get('/docs/:file', async (c) => {
    const name = c.req.param('file');
    const type = Object.hasOwn(ASSETS, name) ? ASSETS[name] : undefined;
    if (type === undefined) throw fault('not_found');
    return c.body(await load(name), 200, { 'Content-Type': type, 'Cache-Control': 'public, max-age=86400' });
  });
}
