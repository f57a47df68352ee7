// Before anything is painted: the theme that this visitor has chosen, if any (src/theme/theme.ts writes it).
try {
  const theme = localStorage.getItem('stoa.theme')
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
} catch {
  // Storage is closed to us; the page follows the system.
}
