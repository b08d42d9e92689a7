/**
 * What a suite is run against. The policy is code of ours; a scripted model answers what its script says; a
 * recording gives the answers of an earlier run; an endpoint is any service that speaks the OpenAI protocol.
 */
export interface Target<Input, Output> {
  readonly name: string;
  readonly kind: 'policy' | 'scripted' | 'recorded' | 'endpoint';
  run(input: Input): Promise<Output>;
}

export function policyTarget<Input, Output>(name: string, decide: (input: Input) => Output): Target<Input, Output> {
  return { name, kind: 'policy', run: async (input) => decide(input) };
}
