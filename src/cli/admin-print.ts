/** Answers of the running program for people: lists as tables, everything else as lines. */

/** The lines of an answer. */
export function answerLines(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.length === 0 ? ['(none)'] : tableLines(value)
  if (!isRecord(value)) return [cellText('', value)]
  if (value.done === true) return ['done']
  return Object.entries(value).flatMap(([name, member]) => memberLines(name, member))
}

function memberLines(name: string, member: unknown): readonly string[] {
  if (Array.isArray(member) && member.some(isRecord))
    return [`${name}:`, ...tableLines(member).map((line) => `  ${line}`)]
  if (!isRecord(member)) return [`${name}: ${cellText(name, member)}`]
  return [`${name}:`, ...Object.entries(member).map(([inner, one]) => `  ${inner}: ${cellText(inner, one)}`)]
}

function tableLines(rows: readonly unknown[]): readonly string[] {
  const records = rows.map((row) => (isRecord(row) ? row : { value: row }))
  const names = [...new Set(records.flatMap((record) => Object.keys(record)))]
  const table = [names, ...records.map((record) => names.map((name) => cellText(name, record[name])))]
  const widths = names.map((_name, column) => Math.max(...table.map((cells) => cells[column]?.length ?? 0)))
  return table.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

function cellText(name: string, value: unknown): string {
  if (value === undefined || value === null) return ''
  if (typeof value === 'number' && /(At|until)Seconds$/i.test(name)) return timeText(value * 1_000)
  if (typeof value === 'number' && /AtMs$|^atMs$/.test(name)) return timeText(value)
  if (Array.isArray(value)) return value.some(isRecord) ? String(value.length) : value.join(',')
  return typeof value === 'string' ? plain(value) : JSON.stringify(value)
}

function timeText(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString().slice(0, 19).replace('T', ' ')
}

/** Reasons and names are written by others: nothing in them may move the cursor or colour the terminal. */
function plain(text: string): string {
  return text.replaceAll(/\p{C}/gu, (character) =>
    JSON.stringify(character)
      .slice(1, -1)
      .replace(/^[^\\]$/, '·'),
  )
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
