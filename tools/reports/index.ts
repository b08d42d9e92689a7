/** Reports for authorities and partners: suspicions in goAML, amounts above thresholds, travel-rule messages, the audit log. */
export { loadReportingEntities, type ReportingEntities, type ReportingEntity } from './entity.ts';
export { makeReport, REPORT_CONTEXT, type ReportRequest } from './make.ts';
export type { ReportDeps, ReportMaker } from './records.ts';
export { REPORTING_COUNTRIES } from './reporting.ts';
