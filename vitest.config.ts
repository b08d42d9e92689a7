/** How tests are run: `npx vitest run [folder]`. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    environment: 'node',
    pool: 'forks',
    include: ['**/*.test.ts'],
    exclude: ['**/node_modules/**', '.capp/**', 'console/**'],
    // Left to itself the runner keeps one core free, which is half of a small machine.
    maxWorkers: '100%',
    globalSetup: ['tests/setup/folder.ts', 'db/test-server.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 30_000,
  },
});
