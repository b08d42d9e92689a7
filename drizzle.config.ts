/** Where drizzle-kit finds the schema and writes migrations: `npx drizzle-kit generate --name what_changes`. */
import { defineConfig } from 'drizzle-kit';

export default defineConfig({ dialect: 'postgresql', schema: './db/schema/index.ts', out: './db/migrations', strict: true });
