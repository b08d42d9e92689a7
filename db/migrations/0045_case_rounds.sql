-- A thread that began anew (0044) knows nothing of a release that its round had taken in: it would wait for one officer more than the case
-- asks for, and who has spoken in a round may not speak in it again. Such a case goes on to the next round, and all are asked anew.
WITH raised AS (
  UPDATE cases c SET round = round + 1, updated_at = now()
  WHERE c.kind = 'held' AND c.status IN ('open', 'deciding', 'waiting') AND EXISTS (
    SELECT FROM case_decisions d
    WHERE d.case_id = c.id AND d.round = c.round AND d.verdict = 'release' AND d.applied_at IS NOT NULL AND NOT EXISTS (
      SELECT FROM checkpoints k WHERE k.thread_id = c.id::text AND position(d.id::text IN k.channel_values -> 'answers' ->> 1) > 0))
  RETURNING c.id, c.client_id, c.payment_id
)
INSERT INTO audit_events (client_id, actor, action, subject, payment_id, details, created_at)
SELECT client_id, 'system', 'case.approvals_void', 'case:' || id, payment_id, '{}', now() FROM raised;
