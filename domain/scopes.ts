/** What an API key may be allowed to do. A route needs one scope; a key carries some. */
export const SCOPES = {
  'quotes:write': 'Ask for quotes, read them.',
  'payments:write': 'Submit, cancel and refund payments.',
  'payments:read': 'Read payments, batches and attempts.',
  'payments:halt': 'Let no money move for some of the payments, and lift such a halt with somebody else.',
  'callbacks:read': 'Read what operators sent and what became of it, without its content.',
  'activity:read': 'Read what agents decided, and follow it live.',
  'treasury:read': 'Read corridors, rates and liquidity pools.',
  'cases:read': 'Read cases, with the names of the people concerned.',
  'cases:decide': 'Claim and decide cases.',
  'cases:senior': 'Decide escalated cases, besides `cases:decide`.',
  'reconciliation:read': 'Read reconciliations and the breaks they found.',
  'reconciliation:decide': 'Propose entries that end breaks, and approve those of others.',
  'rules:read': 'Read the rules of compliance, and what those in shadow found.',
  'rules:write': 'Draft rules, put them into shadow, ask for the end of a live one.',
  'rules:approve': 'Bring rules to life that somebody else made, and agree to the end of a live one.',
  'agents:switch': 'Turn agents that ask a model off, and on again; turn their dials down, and up with somebody else.',
  'mandates:read': 'Read who may spend on whose word.',
  'mandates:write': 'Let others spend within a policy, hand on a mandate, take one back.',
  'reports:read': 'Read reports, with the names of the people concerned.',
  'reports:write': 'Make reports, and write down that they were filed.',
  'settlement:read': 'Read settlement batches and cases.',
  'settlement:approve': 'Approve settlement batches, close their cases.',
  'settlement:dispute': 'Dispute executed settlement batches, so that they are not paid before arbiters have judged.',
  'settlement:judge': 'Judge disputes of settlement batches in which one had no part.',
  'session:own': "Show the second factor again in a login of one's own.",
  'webhooks:read': 'Read webhook endpoints and what they were told.',
  'webhooks:write': 'Make, change and test webhook endpoints, rotate their secrets, replay deliveries.',
} as const;

export type Scope = keyof typeof SCOPES;

export const ALL_SCOPES = Object.keys(SCOPES) as readonly Scope[];
