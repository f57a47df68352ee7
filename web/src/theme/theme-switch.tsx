import { switchTheme, theme } from './theme.ts'

export function ThemeSwitch() {
  const isDark = theme.value === 'dark'
  return (
    <button
      type="button"
      class="theme-switch"
      aria-pressed={isDark}
      onClick={switchTheme}
      title={isDark ? 'Light' : 'Dark'}
    >
      <span class="visually-hidden">Dark theme</span>
      <svg viewBox="0 0 24 24" aria-hidden="true">
        {isDark ? (
          <path d="M12 7a5 5 0 1 0 0 10 5 5 0 0 0 0-10ZM12 1.500v3M12 19.500v3M1.500 12h3M19.500 12h3M4.600 4.600l2.100 2.100M17.300 17.300l2.100 2.100M4.600 19.400l2.100-2.100M17.300 6.700l2.100-2.100" />
        ) : (
          <path d="M20.500 14.500A8.500 8.500 0 0 1 9.500 3.500a8.500 8.500 0 1 0 11 11Z" />
        )}
      </svg>
    </button>
  )
}
