import { defineConfig } from 'vite'

/** The same sources give the same bytes, on any machine: `check-built.ts` holds dist/ to that. */
export default defineConfig({
  root: import.meta.dirname,
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  // No environment of whoever builds it may get into what is built.
  envPrefix: 'STOA_WEB_NOTHING_',
  logLevel: 'warn',
  build: {
    // Colours come by light-dark(), which these know.
    target: ['chrome123', 'firefox120', 'safari17.5'],
    outDir: 'dist',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    sourcemap: false,
  },
})
