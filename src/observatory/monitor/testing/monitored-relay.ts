import type { RelayInformationFacts } from '../../relay-report.ts'
import type { MonitoredRelay } from '../monitored-relay.ts'

export const INFORMATION: RelayInformationFacts = {
  name: 'Some relay',
  nips: [1, 11],
  countries: ['DE'],
  languages: ['de-AT'],
  needsPayment: false,
  needsAuth: false,
  needsWork: false,
  restrictsWrites: false,
}

/** A relay that is connected to and answers, but for what is said otherwise. */
export function monitoredRelay(differs: Partial<MonitoredRelay> = {}): MonitoredRelay {
  return {
    url: 'wss://some.example.com',
    isProven: true,
    state: 'live',
    rttReadMs: 40,
    information: INFORMATION,
    ...differs,
  }
}
