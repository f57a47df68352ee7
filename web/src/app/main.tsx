/** Starts the page. Nothing of it is ever stopped: the browser does that. */
import 'uplot/dist/uPlot.min.css'
import '../theme/colours.css'
import '../theme/base.css'
import './layout.css'
import '../figures/figures.css'
import '../charts/charts.css'
import '../relays/relays.css'
import '../recommendations/recommendations.css'
import '../theme/print.css'
import { computed } from '@preact/signals'
import { render } from 'preact'
import { startClock } from '../api/server-clock.ts'
import { startFigures } from '../live/figures.ts'
import { startBrand } from '../theme/brand.ts'
import { startTheme } from '../theme/theme.ts'
import { place, range, startNavigation } from './address.ts'
import { App } from './app.tsx'

const root = document.querySelector('#app')
if (root === null) throw new Error('index.html has no #app')
startTheme()
startBrand()
startClock()
startNavigation()
startFigures(
  range,
  computed(() => place.value.page === 'front'),
)
render(<App />, root)
