/** The door of the export of history. */
export { canExport } from './duckdb.ts'
export { EXPORT_FORMATS, type ExportFormat, type ExportRequest, exportHistory } from './export-history.ts'
export { EXPORTS, type ExportName } from './exports.ts'
