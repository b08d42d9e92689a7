/** `capp routes`: every route of the API, what it asks for, and which roles have it. */
import type { Command } from 'commander';
import { ALL_ROLES } from '../../../domain/roles.ts';
import { listPermissions } from '../../api/route-table.ts';
import type { Permission } from '../../api/permissions.ts';
import { type CommandContext, oneOf, withExamples } from '../context.ts';
import { renderTable } from '../table.ts';

interface RoutesOptions {
  readonly role?: (typeof ALL_ROLES)[number];
  readonly json?: true;
}

export function registerRoutes(program: Command, context: CommandContext): void {
  const routes = program
    .command('routes')
    .summary('list the routes of the API and who may use them')
    .description('Lists every route of the API with the permission it asks for and the roles that have it. Nothing needs to run.')
    .option('--role <role>', `only what a role may use: ${ALL_ROLES.join(', ')}`, oneOf(ALL_ROLES))
    .option('--json', 'print as JSON')
    .action((options: RoutesOptions) => {
      const wanted = listPermissions().filter(({ roles }) => options.role === undefined || roles.includes(options.role));
      context.terminal.out(options.json ? JSON.stringify(wanted) : renderTable(context.terminal, COLUMNS, wanted.map(rowOf)));
    });
  withExamples(routes, [
    ['capp routes', 'all of them'],
    ['capp routes --role auditor', 'what an auditor may read'],
  ]);
}

const COLUMNS = [{ title: 'method' }, { title: 'path' }, { title: 'permission' }, { title: 'roles' }] as const;

function rowOf({ method, path, scope, roles, stepUp }: Permission): string[] {
  return [method, path, `${scope ?? 'public'}${stepUp ? ' + second factor' : ''}`, roles.join(' ')];
}
