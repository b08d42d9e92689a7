/**
 * How long a request must be gone before "the operator does not know it" may be read as "it never came".
 * A call may still be under way until its time-out, and was marked as sent a little before it left; to
 * call it failed earlier could pay twice.
 */
export function absenceIsSure(settings: { readonly absentAfterMs: number; readonly timeoutMs: number }): boolean {
  return settings.absentAfterMs >= 2 * settings.timeoutMs;
}

export const ABSENCE_IS_SURE = { path: ['absentAfterMs'], message: 'must be at least twice timeoutMs' };
