/** What is done for a client goes over connections that row-level security binds: a route takes the platform's only where it stands here. */
import { chainOf, childOf, isNode, nameOf, type Node, type Problem, problemAt, type Source, walk } from './source.ts';

/** Routes that act for no single client, and why. */
export const PLATFORM_ROUTES: Readonly<Record<string, string>> = {
  'server/api/routes/callbacks.ts': 'operators call; whose attempt it is, nobody knows before it is read',
  'server/api/routes/balances.ts': 'operators call, about accounts of the platform',
  'server/api/routes/gateways.ts': 'gateways call, about numbers and messages of whoever it may be',
  'server/api/routes/own-payments.ts': 'operators call; whose collection it is, nobody knows before it is read',
  'server/api/routes/health.ts': 'how the platform does',
  'server/api/routes/reconciliation.ts': 'breaks and statements are the platform’s',
  'server/api/routes/secret-paths.ts': 'operators call; whose message it is, nobody knows before it is read',
  'server/api/routes/rules.ts': 'rules are the platform’s, and count for every client',
  'server/api/routes/settlement.ts': 'batches net all clients',
  'server/api/routes/settlement-approvals.ts': 'batches net all clients',
  'server/api/routes/settlement-disputes.ts': 'batches net all clients',
  'server/api/routes/treasury.ts': 'pools, rails and rates are the platform’s',
};

/** Under this name a whole audit log is handed on, where a proof is made from the leaves beside a client's. */
const WHOLE_LOG = 'auditLog';

const isOfRoutes = (path: string): boolean => /^server\/api\/(routes\/[^/]+|[^/]+-desk)\.ts$/.test(path);

/** The platform's connections in a route of clients. */
export function checkTenantPools(source: Source): Problem[] {
  if (source.isTest || !isOfRoutes(source.path) || Object.hasOwn(PLATFORM_ROUTES, source.path)) return [];
  const found: Problem[] = [];
  const tell = (node: Node): void =>
    void found.push(problemAt(source, node, 'acts for a client over the platform’s connections: take deps.tenants.of or .writing'));
  walk(source.tree, (node, parent) => {
    if (/(^|\.)deps\.pool$/.test(chainOf(node) ?? '')) {
      const isWholeLog = parent?.type === 'ObjectProperty' && nameOf(childOf(parent, 'key')) === WHOLE_LOG;
      if (!isWholeLog) tell(node);
      return false;
    }
    if (node.type === 'VariableDeclarator' && /(^|\.)deps$/.test(chainOf(childOf(node, 'init')) ?? '') && takesPool(childOf(node, 'id')))
      tell(node);
    return undefined;
  });
  return found;
}

function takesPool(pattern: Node | null): boolean {
  if (pattern?.type !== 'ObjectPattern') return false;
  return (pattern.properties as unknown[]).filter(isNode).some((property) => nameOf(childOf(property, 'key')) === 'pool');
}
